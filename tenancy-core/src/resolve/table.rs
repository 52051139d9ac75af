//! The table of built-in resolvers.

/// Calls a macro with one row for each built-in resolver: its variant of [`AnyResolver`](crate::resolve::AnyResolver), its
/// type, and its settings in the configuration's table `[resolution]`.
///
/// A resolver is added by its file in this folder, which says what it reads and how its settings make it, and a row here.
macro_rules! with_built_in_resolvers {
    ($callback:ident) => {
        $callback! {
            /// Reads a header field.
            Header(HeaderResolver) {
                /// The field that `header` reads. Default: `x-tenant-id`.
                pub header_name: String = String::from("x-tenant-id"),
                /// The form of the header's value. Default: `id`.
                pub header_form: KeyForm = KeyForm::Id,
            }
            /// Reads the verified claims.
            Claim(ClaimResolver) {
                /// The claim that names the token's tenant: a literal name, or a list of names that nest.
                /// Default: `tenant_id`.
                pub jwt_claim: ClaimName = ClaimName::Literal(String::from("tenant_id")),
                /// The form of the claim's value. Default: `id`.
                pub jwt_claim_form: KeyForm = KeyForm::Id,
            }
            /// Reads the label under a base domain.
            Subdomain(SubdomainResolver) {
                /// The domain whose labels `subdomain` reads, and which `domain` leaves alone.
                pub base_domain: Option<String> = None,
                /// The form of the label. Default: `slug`.
                pub subdomain_form: KeyForm = KeyForm::Slug,
            }
            /// Reads the whole host name.
            Domain(DomainResolver) {}
            /// Reads a segment of the path.
            Path(PathResolver) {
                /// What `path` matches, such as `/api/v1/{tenant}`.
                pub path_template: Option<String> = None,
                /// The form of the segment. Default: `slug`.
                pub path_form: KeyForm = KeyForm::Slug,
            }
            /// Reads a query parameter.
            Query(QueryResolver) {
                /// The parameter that `query` reads.
                pub query_parameter: Option<String> = None,
                /// The form of the parameter's value. Default: `slug`.
                pub query_form: KeyForm = KeyForm::Slug,
            }
            /// Reads a cookie.
            Cookie(CookieResolver) {
                /// The cookie that `cookie` reads.
                pub cookie_name: Option<String> = None,
                /// The form of the cookie's value. Default: `slug`.
                pub cookie_form: KeyForm = KeyForm::Slug,
            }
        }
    };
}

pub(crate) use with_built_in_resolvers;
