//! Serves on 127.0.0.1:3000. `curl -d 'tenant=acme&subject=alice&password=open sesame' -c jar http://127.0.0.1:3000/login`
//! signs in, `curl -b jar http://127.0.0.1:3000/notes` shows alice's page. (curl sends `Secure` cookies to loopback.)

use std::error::Error;

use cookie::Key;
use signed_session::app::app;
use signed_session::session::Sessions;
use tenancy_core::directory::TenantRecord;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    // A new key for each start: sessions end with the process. A real service reads it from its secrets.
    let sessions = Sessions::new(Key::generate());
    let tenants = ["acme", "globex"].into_iter().map(tenant).collect::<Result<_, _>>()?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app(&sessions, tenants)?).await?;
    Ok(())
}

fn tenant(name: &str) -> Result<TenantRecord, Box<dyn Error>> {
    Ok(TenantRecord::new(name.parse()?, "row".parse()?))
}
