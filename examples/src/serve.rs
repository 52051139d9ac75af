//! Listening, and stopping without cutting anyone off.

use std::error::Error;
use std::io::Write;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::args::{Args, Framework};
use crate::config::Config;
use crate::{demo, set_up, web};

/// How long requests under way may take once the server has been told to stop.
const GRACE: Duration = Duration::from_secs(10);

/// Serves until SIGINT or SIGTERM.
pub(crate) async fn serve(args: Args) -> Result<(), Box<dyn Error>> {
    let config = Config::load(args.config.as_deref())?;
    let (app, tenancy) = set_up::set_up(&config, &args.database).await?;
    let template = config.tenancy.resolution.path_template.as_deref();
    let listener = TcpListener::bind(args.listen)
        .await
        .map_err(|error| format!("listen on {}: {error}", args.listen))?;
    let address = listener.local_addr()?;
    let stop = stop_signal()?;
    if args.config.is_none() {
        demo::print_requests(&config, address)?;
    }
    println!("listening on http://{address}");
    std::io::stdout().flush()?;
    let (stopping, stopped) = tokio::sync::oneshot::channel();
    let stop = async move {
        stop.await;
        tracing::info!("stopping");
        let _ = stopping.send(());
    };
    let serving = match args.framework {
        Framework::Axum => {
            axum::serve(listener, web::router(app.clone(), &tenancy, template)).with_graceful_shutdown(stop)
        }
    };
    tokio::select! {
        served = serving => served?,
        () = async { let _ = stopped.await; tokio::time::sleep(GRACE).await } => {
            tracing::warn!("requests still under way after {} s are cut off", GRACE.as_secs());
        }
    }
    app.close().await;
    Ok(())
}

/// Resolves once the process is asked to stop.
fn stop_signal() -> Result<impl Future<Output = ()>, std::io::Error> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
