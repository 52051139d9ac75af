//! A handler, run for two tenants over marked data.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_ENCODING;
use http::{HeaderValue, Request, Response};
use tenancy_core::testing::{TestTenant, TestTenants};

use super::leak::Leak;
use super::mark::Mark;
use super::pair::pair;
use super::side::{AnyError, Side, Turn, named, place_of};

/// An assertion that a handler leaks nothing between two tenants.
///
/// It plants data with a [`Mark`] for each tenant, sends each request for both, in turns and at the same time, and fails
/// where a mark crosses: into an answer's body or header of the other tenant, into the other tenant's data, or where a
/// request of one changes data of the other.
///
/// It knows no framework: the handler is a closure from a request to a response.
///
/// ```
/// use std::collections::HashMap;
/// use std::sync::Mutex;
///
/// use bytes::Bytes;
/// use http::{Request, Response};
/// use tenancy_core::context;
/// use tenancy_http::Tenancy;
/// use tenancy_http::testing::{LeakCheck, TestTenant, collect, tenancy_of};
/// use tower::{ServiceBuilder, ServiceExt};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// let notes = Mutex::new(HashMap::<String, String>::new());
/// let tenants = [TestTenant::new("acme"), TestTenant::new("globex")];
/// let tenancy: Tenancy = tenancy_of(tenants.clone());
/// let service = ServiceBuilder::new().layer(tenancy.scoped()).service_fn(async |_: Request<Bytes>| {
///     let tenant = context::current()?;
///     let notes = notes.lock().expect("no poison");
///     Ok::<_, context::OutOfScope>(Response::new(notes.get(tenant.id().as_str()).cloned().unwrap_or_default()))
/// });
///
/// LeakCheck::new(tenants)
///     .with_request(Request::get("/notes").body(Bytes::new())?)
///     .run(
///         async |tenant, mark| {
///             notes.lock().expect("no poison").insert(tenant.id().to_string(), mark.to_string());
///             Ok(())
///         },
///         async |request| Ok(collect(service.clone().oneshot(request).await?).await?),
///         async |tenant| Ok(notes.lock().expect("no poison").get(tenant.id().as_str()).cloned().unwrap_or_default().into()),
///     )
///     .await?;
/// # Ok(()) }
/// ```
///
/// # What it does not see
///
/// It looks for the mark, or most of it, as it was planted, in any case, in hexadecimal and in base64; not in a body that is
/// encrypted, and one that is compressed is an error. It sees what these requests lead to, and what these two tenants' data
/// are; not what was derived from data, such as a number of rows or a digest, and not times, logs or other stores.
#[derive(Clone)]
#[doc(alias = "isolation test")]
#[must_use = "nothing is checked until it is run"]
pub struct LeakCheck {
    tenants: [TestTenant; 2],
    requests: Vec<Request<Bytes>>,
    name: Naming,
}

/// How a request names its tenant and its caller.
type Naming = Arc<dyn Fn(&TestTenant, &mut Request<Bytes>) + Send + Sync>;

impl LeakCheck {
    /// A check of these two tenants. Each request names its tenant by the header `x-tenant-id`, as
    /// [`tenancy_of`](super::tenancy_of) reads it.
    pub fn new(tenants: [TestTenant; 2]) -> Self {
        Self {
            tenants,
            requests: Vec::new(),
            name: Arc::new(name_by_header),
        }
    }

    /// Adds a request, which is sent for both tenants, several times. It names no tenant.
    pub fn with_request(mut self, request: Request<Bytes>) -> Self {
        self.requests.push(request);
        self
    }

    /// Sets how a request names its tenant and its caller, such as by a host and a token that the test's issuer signs.
    pub fn with_naming(self, name: impl Fn(&TestTenant, &mut Request<Bytes>) + Send + Sync + 'static) -> Self {
        Self {
            name: Arc::new(name),
            ..self
        }
    }

    /// Runs the check. `plant` writes data of a tenant that holds the mark, `handle` answers a request, and `read` returns
    /// all of a tenant's data, in the same order each time. If requests have removed a mark, it is planted again before the
    /// next one.
    ///
    /// `plant` and `read` must not share a fault with the handler: let them read the tables as an administrator does, by
    /// the tenant's own key.
    ///
    /// # Errors
    ///
    /// The first [`Leak`], or why nothing could be judged.
    pub async fn run(
        &self,
        plant: impl AsyncFn(&TestTenant, &Mark) -> Result<(), AnyError>,
        handle: impl AsyncFn(Request<Bytes>) -> Result<Response<Bytes>, AnyError>,
        read: impl AsyncFn(&TestTenant) -> Result<Bytes, AnyError>,
    ) -> Result<(), Leak> {
        if self.requests.is_empty() {
            return Err(Leak::NoRequest);
        }
        let sides = self.tenants.clone().map(Side::new);
        let [first, second] = &sides;
        for request in &self.requests {
            // The second turn of each finds what the first turns have left, such as in a cache.
            let mut turns = Vec::with_capacity(4);
            for (side, other) in [(first, second), (second, first), (first, second), (second, first)] {
                first.planted(&plant, &read).await?;
                second.planted(&plant, &read).await?;
                turns.push(self.alone(request, side, other, &handle, &read).await?);
            }
            first.refuse_nothing_seen(request, turns.iter().step_by(2))?;
            second.refuse_nothing_seen(request, turns.iter().skip(1).step_by(2))?;
            first.planted(&plant, &read).await?;
            second.planted(&plant, &read).await?;
            self.together(request, first, second, &handle, &read).await?;
        }
        Ok(())
    }

    /// One tenant's request, while the other does nothing.
    async fn alone(
        &self,
        request: &Request<Bytes>,
        side: &Side,
        other: &Side,
        handle: &impl AsyncFn(Request<Bytes>) -> Result<Response<Bytes>, AnyError>,
        read: &impl AsyncFn(&TestTenant) -> Result<Bytes, AnyError>,
    ) -> Result<Turn, Leak> {
        let before = (side.read(read).await?, other.read(read).await?);
        let answer = self.send(request, side, handle).await?;
        let after = (side.read(read).await?, other.read(read).await?);
        other.refuse_in_answer(request, side, &answer)?;
        if before.1 != after.1 {
            return Err(Leak::Changed {
                request: named(request),
                by: side.tenant.id().to_string(),
                of: other.tenant.id().to_string(),
            });
        }
        other.refuse_in_data(request, side, &after.0)?;
        Ok(Turn {
            is_seen: before.0 != after.0 || place_of(&side.spellings, &answer).is_some(),
            status: answer.status().as_u16(),
        })
    }

    /// Both tenants' requests at the same time.
    async fn together(
        &self,
        request: &Request<Bytes>,
        first: &Side,
        second: &Side,
        handle: &impl AsyncFn(Request<Bytes>) -> Result<Response<Bytes>, AnyError>,
        read: &impl AsyncFn(&TestTenant) -> Result<Bytes, AnyError>,
    ) -> Result<(), Leak> {
        let (one, two) = pair(self.send(request, first, handle), self.send(request, second, handle)).await;
        second.refuse_in_answer(request, first, &one?)?;
        first.refuse_in_answer(request, second, &two?)?;
        second.refuse_in_data(request, first, &first.read(read).await?)?;
        first.refuse_in_data(request, second, &second.read(read).await?)
    }

    async fn send(
        &self,
        request: &Request<Bytes>,
        side: &Side,
        handle: &impl AsyncFn(Request<Bytes>) -> Result<Response<Bytes>, AnyError>,
    ) -> Result<Response<Bytes>, Leak> {
        let mut request = request.clone();
        (self.name)(&side.tenant, &mut request);
        let named = named(&request);
        let answered = handle(request).await;
        let answer = answered.map_err(|source| side.failed("handle", source))?;
        if is_encoded(&answer) {
            return Err(Leak::Encoded {
                request: named,
                answered: side.tenant.id().to_string(),
            });
        }
        Ok(answer)
    }
}

impl fmt::Debug for LeakCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LeakCheck")
            .field("tenants", &self.tenants)
            .field("requests", &self.requests)
            .finish_non_exhaustive()
    }
}

fn name_by_header(tenant: &TestTenant, request: &mut Request<Bytes>) {
    // Every id is the value of a header.
    if let Ok(id) = HeaderValue::from_str(tenant.id().as_str()) {
        request.headers_mut().insert(TestTenants::HEADER, id);
    }
}

/// Whether a body must be decoded before it can be searched.
fn is_encoded(answer: &Response<Bytes>) -> bool {
    let codings = answer.headers().get_all(CONTENT_ENCODING);
    !answer.body().is_empty()
        && codings
            .iter()
            .any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
}
