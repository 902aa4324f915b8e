//! A network between the service and the API server that a test can cut.

use std::sync::Arc;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Forwards connections to the API server while it is open.
pub struct Proxy {
    pub port: u16,
    open: Arc<watch::Sender<bool>>,
    _forwarding: JoinSet<()>,
}

impl Proxy {
    /// A proxy to `server` (`https://host:port`), open or not.
    pub async fn start(server: &str, open: bool) -> Self {
        let target = server.trim_start_matches("https://").trim_end_matches('/').to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let open = Arc::new(watch::channel(open).0);
        let gate = open.clone();
        let mut forwarding = JoinSet::new();
        forwarding.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (mut client, _) = listener.accept().await.unwrap();
                let mut gate = gate.subscribe();
                let target = target.clone();
                connections.spawn(async move {
                    // While the gate is closed a connection is dropped as soon as it is made.
                    if !*gate.borrow_and_update() {
                        return;
                    }
                    let Ok(mut server) = TcpStream::connect(target).await else { return };
                    tokio::select! {
                        _ = copy_bidirectional(&mut client, &mut server) => {}
                        _ = gate.wait_for(|open| !open) => {}
                    }
                });
            }
        });
        Self { port, open, _forwarding: forwarding }
    }

    /// Cuts every connection, and refuses new ones, or lets them through again.
    pub fn set_open(&self, open: bool) {
        self.open.send_replace(open);
    }

    pub fn server(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }
}
