//! An address that stays while the server behind it changes.

use std::net::Ipv4Addr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::Failure;

/// Forwards the connections to one port to another. Dropped, it ends them all.
pub(crate) struct Forwarder {
    port: u16,
    target: watch::Sender<Option<u16>>,
    accepting: JoinHandle<()>,
}

impl Forwarder {
    pub(crate) async fn start(target: u16) -> Result<Self, Failure> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let (sender, receiver) = watch::channel(Some(target));
        let accepting = tokio::spawn(accept(listener, receiver));
        Ok(Self {
            port,
            target: sender,
            accepting,
        })
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// Cuts all connections, and those to come until there is a target again.
    pub(crate) fn cut(&self) {
        self.target.send_replace(None);
    }

    /// Cuts all connections, and forwards those to come to this port.
    pub(crate) fn switch(&self, target: u16) {
        self.target.send_replace(Some(target));
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

async fn accept(listener: TcpListener, target: watch::Receiver<Option<u16>>) {
    while let Ok((client, _)) = listener.accept().await {
        tokio::spawn(forward(client, target.clone()));
    }
}

async fn forward(mut client: TcpStream, mut target: watch::Receiver<Option<u16>>) {
    let Some(port) = *target.borrow_and_update() else {
        return;
    };
    let copy = async {
        let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        server.set_nodelay(true)?;
        client.set_nodelay(true)?;
        copy_bidirectional(&mut client, &mut server).await
    };
    // Whichever ends first ends both.
    tokio::select! {
        _ = copy => {}
        _ = target.changed() => {}
    }
}
