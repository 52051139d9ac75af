//! Requests that mostly name the meant tenant in what the configuration reads.

use arbitrary::{Result, Unstructured};

use super::text::{authority, dressed, soup};
use super::world::{credentials, name};
use crate::{Configuration, Form, Request, Source, Target, Tenant, Version};

pub(super) fn request(
    bytes: &mut Unstructured<'_>,
    configuration: &Configuration,
    tenants: &[Tenant],
    meant: &Tenant,
) -> Result<Request> {
    let mut maker = Maker {
        bytes,
        configuration,
        tenants,
        meant,
        fields: Vec::new(),
    };
    let version = *maker
        .bytes
        .choose(&[Version::Http11, Version::Http11, Version::Http2, Version::Http10])?;
    let path = maker.path()?;
    let path_and_query = maker.with_query(path)?;
    maker.tenant_header()?;
    maker.cookies()?;
    maker.forwarding()?;
    let (method, target) = maker.target(version, path_and_query)?;
    maker.noise()?;
    let credentials = credentials(maker.bytes, tenants, meant)?;
    Ok(Request {
        version,
        method,
        target,
        fields: maker.fields,
        credentials,
    })
}

struct Maker<'b, 'd, 'c> {
    bytes: &'b mut Unstructured<'d>,
    configuration: &'c Configuration,
    tenants: &'c [Tenant],
    meant: &'c Tenant,
    fields: Vec<(String, Vec<u8>)>,
}

impl Maker<'_, '_, '_> {
    /// The tenant's name in the form that this resolver is configured for.
    fn name(&mut self, pick: fn(Source) -> Option<Form>) -> Result<String> {
        let form = self
            .configuration
            .sources
            .iter()
            .find_map(|source| pick(*source))
            .unwrap_or(Form::Slug);
        name(self.bytes, self.tenants, self.meant, form)
    }

    fn dressed_name(&mut self, pick: fn(Source) -> Option<Form>) -> Result<String> {
        let name = self.name(pick)?;
        dressed(self.bytes, &name)
    }

    fn field(&mut self, name: &str, value: impl Into<Vec<u8>>) {
        self.fields.push((name.to_owned(), value.into()));
    }

    fn authority(&mut self) -> Result<String> {
        let label = self.name(|source| match source {
            Source::Subdomain(form) => Some(form),
            _ => None,
        })?;
        let domain = name(self.bytes, self.tenants, self.meant, Form::Domain)?;
        let base = self.configuration.base_domain.as_deref().unwrap_or("app.com");
        authority(self.bytes, base, &label, &domain)
    }

    fn path(&mut self) -> Result<String> {
        let tenant = self.dressed_name(|source| match source {
            Source::Path(form) => Some(form),
            _ => None,
        })?;
        let path = self.configuration.path_template.replace("{tenant}", &tenant);
        if self.bytes.ratio(1, 2)? {
            return Ok(path);
        }
        Ok(match self.bytes.int_in_range(0..=19)? {
            0 => format!("{path}/"),
            1 => format!("{path}//"),
            2 => format!("{path}/orders/7"),
            3 => format!("{path}/../globex"),
            4 => format!("{path}/%2e%2E/globex"),
            5 => format!("{path}/.%2e"),
            6 => format!("{path}/./x"),
            7 => format!("{path}/..;/x"),
            8 => format!("{path}/a%2f..%2fx"),
            9 => format!("{path}/..\\x"),
            10 => format!("{path}/%252e%252e"),
            11 => format!("{path}/..."),
            12 => format!("/{path}"),
            13 => path.replacen("/v1", "/v1x", 1),
            14 => path.to_ascii_uppercase(),
            15 => path.replacen("/api", "/%61pi", 1),
            16 => path.replacen("/api", "/./api", 1),
            17 => path.replacen(&tenant, "", 1),
            18 => "/".to_owned(),
            _ => format!("/{}", soup(self.bytes)?.replace([' ', '?', '#'], "")),
        })
    }

    fn with_query(&mut self, path: String) -> Result<String> {
        if self.bytes.ratio(1, 3)? {
            return Ok(path);
        }
        let value = self.dressed_name(|source| match source {
            Source::Query(form) => Some(form),
            _ => None,
        })?;
        let other = self.dressed_name(|source| match source {
            Source::Query(form) => Some(form),
            _ => None,
        })?;
        let parameter = &self.configuration.query_parameter;
        Ok(match self.bytes.int_in_range(0..=13)? {
            0..=3 => format!("{path}?{parameter}={value}"),
            4 => format!("{path}?a=b&{parameter}={value}&c"),
            5 => format!("{path}?{parameter}={value}&{parameter}={other}"),
            6 => format!(
                "{path}?%74{}={value}&{parameter}={other}",
                &parameter.replacen('t', "", 1)
            ),
            7 => format!("{path}?{parameter}"),
            8 => format!("{path}?{parameter}&{parameter}={value}"),
            9 => format!("{path}?{}={value}", parameter.to_ascii_uppercase()),
            10 => format!("{path}?a={parameter}={value}"),
            11 => format!("{path}?{parameter}={value};{parameter}={other}"),
            12 => format!("{path}??{parameter}={value}"),
            _ => format!("{path}?{}&{parameter}={value}", soup(self.bytes)?),
        })
    }

    fn tenant_header(&mut self) -> Result<()> {
        let count = *self.bytes.choose(&[1, 1, 1, 0, 0, 2])?;
        for _ in 0..count {
            let value = self.dressed_name(|source| match source {
                Source::Header(form) => Some(form),
                _ => None,
            })?;
            let name = &self.configuration.header_name;
            let upper = name.to_ascii_uppercase();
            let name = *self.bytes.choose(&[name.as_str(), &upper, "X_Tenant_ID"])?;
            if self.bytes.ratio(1, 24)? {
                self.field(name, [value.as_bytes(), b"\xff"].concat());
            } else {
                self.field(name, value);
            }
        }
        Ok(())
    }

    fn cookies(&mut self) -> Result<()> {
        let count = *self.bytes.choose(&[1, 1, 0, 2])?;
        for _ in 0..count {
            let value = self.dressed_name(|source| match source {
                Source::Cookie(form) => Some(form),
                _ => None,
            })?;
            let cookie = &self.configuration.cookie_name;
            let text = match self.bytes.int_in_range(0..=11)? {
                0..=3 => format!("{cookie}={value}"),
                4 => format!("a=b; {cookie}={value}; c=d"),
                5 => format!("a=b;{cookie}={value};"),
                6 => format!("{cookie}={value}; {cookie}={value}"),
                7 => format!("a={cookie}={value}"),
                8 => cookie.clone(),
                9 => format!("{cookie} = {value}"),
                10 => format!("{}={value}", cookie.to_ascii_uppercase()),
                _ => format!("{}; {cookie}={value}", soup(self.bytes)?),
            };
            self.field("Cookie", text);
        }
        Ok(())
    }

    fn forwarding(&mut self) -> Result<()> {
        let count = match self.configuration.forwarding {
            Some(_) => self.bytes.int_in_range(0..=2)?,
            None => u8::from(self.bytes.ratio(1, 4)?),
        };
        for _ in 0..count {
            let mut hosts = Vec::new();
            let mut elements = Vec::new();
            for _ in 0..self.bytes.int_in_range(1..=3)? {
                let host = self.authority()?;
                elements.push(self.element(&host)?);
                hosts.push(host);
            }
            let separator = *self.bytes.choose(&[", ", ",", " ,\t", ",,"])?;
            self.field("X-Forwarded-Host", hosts.join(separator));
            self.field("Forwarded", elements.join(separator));
        }
        Ok(())
    }

    /// An element of `Forwarded`.
    fn element(&mut self, host: &str) -> Result<String> {
        Ok(match self.bytes.int_in_range(0..=17)? {
            0..=3 => format!("host={host}"),
            4..=6 => format!("for=192.0.2.1;host=\"{host}\";proto=https"),
            7 => format!("HOST=\"{host}\""),
            8 => format!("host=\"{host}"),
            9 => format!("host={host};host={host}"),
            10 => "for=192.0.2.1".to_owned(),
            11 => format!("for=\"_a,b;c\\\"\";host={host}"),
            12 => format!("for=\";host={host}"),
            13 => format!("host=\"\\{host}\""),
            14 => format!("host = {host}"),
            15 => format!("for=192.0.2.1 ; host={host}"),
            16 => format!("host={host};"),
            _ => format!("{};host={host}", soup(self.bytes)?),
        })
    }

    /// The target, and the `Host` fields that go with it.
    fn target(&mut self, version: Version, path_and_query: String) -> Result<(String, Target)> {
        let authority = self.authority()?;
        let contradicts = self.bytes.ratio(1, 4)?;
        let host = if contradicts {
            self.authority()?
        } else {
            authority.clone()
        };
        let special = self.bytes.int_in_range(0..=19)?;
        if version == Version::Http2 {
            let (has_authority, hosts) =
                *self
                    .bytes
                    .choose(&[(true, 0), (true, 0), (true, 1), (false, 1), (false, 0), (true, 2)])?;
            self.hosts(hosts, host);
            let (method, path) = match special {
                0 => ("CONNECT", path_and_query),
                1 => ("OPTIONS", "*".to_owned()),
                _ => ("GET", path_and_query),
            };
            let authority = has_authority.then_some(authority);
            return Ok((method.to_owned(), Target::Pseudo { authority, path }));
        }
        let hosts = *self.bytes.choose(&[1, 1, 1, 1, 0, 2])?;
        self.hosts(hosts, host);
        let (method, line) = match special {
            0 => ("CONNECT", authority),
            1 => ("OPTIONS", "*".to_owned()),
            2..=5 => ("GET", format!("http://{authority}{path_and_query}")),
            _ => ("GET", path_and_query),
        };
        Ok((method.to_owned(), Target::Line(line)))
    }

    fn hosts(&mut self, count: usize, host: String) {
        for _ in 0..count {
            self.field("Host", host.clone());
        }
    }

    /// Fields that nothing may read.
    fn noise(&mut self) -> Result<()> {
        if self.bytes.ratio(1, 6)? {
            let value = self.meant.slug.clone();
            let name = *self
                .bytes
                .choose(&["X-Original-Host", "X-Tenant", "X-HTTP-Method-Override", "X-Host"])?;
            self.field(name, value);
        }
        Ok(())
    }
}
