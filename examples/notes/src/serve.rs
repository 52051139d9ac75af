//! From the command line to a server that stops on a signal.

use std::future::Future;
use std::io::Write;
use std::path::PathBuf;

use http::{Request, Response};
use http_body::Body;
use hyper::body::{Bytes, Incoming};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tower_service::Service;

use crate::args::{Args, Framework};
use crate::config::Config;
use crate::page::{Page, beside};
use crate::tenants::Tenants;
use crate::{Error, chain, demo, server, set_up, web};

/// Serves until SIGINT or SIGTERM. A second one cuts off what is still under way.
pub(crate) async fn serve(args: Args) -> Result<(), Error> {
    let config = Config::load(args.config.as_deref(), demo::CONFIG)?;
    let page = args
        .has_page()
        .then(|| Page::new(&config, args.listen.ip()))
        .transpose()?;
    let set_up::Service { app, tenancy, tenants } =
        set_up::set_up(&config, args.database.as_deref(), args.application.as_deref()).await?;
    let template = config.tenancy.resolution.path_template.as_deref();
    let listener = TcpListener::bind(args.listen)
        .await
        .map_err(|error| format!("--listen: `{}`: {error}", args.listen))?;
    let address = listener.local_addr()?;
    let stop = told_to_stop()?;
    // Polled only after the first signal, and listens from then on.
    let kill = async {
        match told_to_stop() {
            Ok(again) => again.await,
            Err(_) => std::future::pending().await,
        }
    };
    if let Some(file) = &args.config {
        tokio::spawn(reload_when_told(file.clone(), tenants, signal(SignalKind::hangup())?));
    }
    let mut stdout = std::io::stdout();
    if args.config.is_none() {
        if !address.ip().is_loopback() {
            tracing::warn!("the demo's secret is public: anyone who reaches {address} can act as any user");
        }
        if args.curl {
            stdout.write_all(demo::requests(&config, address)?.as_bytes())?;
        }
    }
    if let Some(page) = &page {
        writeln!(stdout, "open http://{address}{}", page.path())?;
    }
    writeln!(stdout, "listening on http://{address}")?;
    stdout.flush()?;
    let serving = Serving {
        listener,
        page,
        stop,
        kill,
    };
    match args.framework {
        Framework::Axum => serving.run(web::axum(app.clone(), &tenancy.into(), template)).await,
        Framework::Hyper => serving.run(web::hyper(app.clone(), &tenancy, template)).await,
        Framework::Poem => serving.run(web::poem(app.clone(), &tenancy.into(), template)).await,
        Framework::Warp => serving.run(web::warp(app.clone(), &tenancy.into(), template)).await,
    }
    app.close().await;
    Ok(())
}

/// What is served by, whatever the framework.
struct Serving<S, K> {
    listener: TcpListener,
    page: Option<Page>,
    stop: S,
    kill: K,
}

impl<S: Future<Output = ()>, K: Future<Output = ()>> Serving<S, K> {
    async fn run<A, B>(self, application: A)
    where
        A: Service<Request<Incoming>, Response = Response<B>, Error: Into<Error> + Send, Future: Send>
            + Clone
            + Send
            + 'static,
        B: Body<Data = Bytes, Error: Into<Error>> + Send + 'static,
    {
        let service = beside(self.page, application);
        server::serve(self.listener, service, self.stop, self.kill).await;
    }
}

/// Puts the file's tenants into the directory again at each SIGHUP.
async fn reload_when_told(file: PathBuf, tenants: Tenants, mut hangup: Signal) {
    while hangup.recv().await.is_some() {
        match tenants.reload(&file).await {
            Ok(count) => tracing::info!(count, "read the tenants again"),
            Err(error) => tracing::error!("the tenants could not be read again: {}", chain(&*error)),
        }
    }
}

/// Resolves at the next SIGINT or SIGTERM.
fn told_to_stop() -> Result<impl Future<Output = ()>, std::io::Error> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
