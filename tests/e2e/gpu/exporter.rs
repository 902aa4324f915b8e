//! One exporter: what listens at its pod's address.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What an exporter does when it is asked.
#[derive(Clone, Debug, PartialEq)]
pub enum Behaviour {
    /// It shows the devices of its node, and whose they are.
    Serving,
    /// It shows the devices, but not whose they are.
    NoPodLabels,
    /// It says this, whatever is true.
    Saying(Arc<str>),
    /// It takes connections and never answers.
    Hanging,
    /// It answers with 50 MB.
    Huge,
    /// Nothing listens.
    Dead,
}

/// Answers for one node, as its behaviour is.
pub struct Exporter {
    /// The exporter's pod, as `namespace/name`.
    pub name: String,
    behaviour: watch::Sender<Behaviour>,
    requests: Arc<AtomicUsize>,
    _serving: JoinSet<()>,
}

/// What the devices are: with the pods' labels, or without.
type Metrics = Arc<dyn Fn(bool) -> String + Send + Sync>;

impl Exporter {
    /// Listens at `address`, which is the pod's.
    pub async fn start(name: String, address: SocketAddr, metrics: Metrics) -> Self {
        let (behaviour, current) = watch::channel(Behaviour::Serving);
        let requests = Arc::new(AtomicUsize::new(0));
        // Here, so that it listens when this returns.
        let listener = TcpListener::bind(address).await.unwrap();
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener, current, metrics, requests.clone()));
        Self { name, behaviour, requests, _serving: serving }
    }

    /// Behaves like that from now on.
    pub fn set(&self, behaviour: Behaviour) {
        self.behaviour.send_replace(behaviour);
    }

    /// How many requests it had.
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }
}

async fn serve(
    mut listener: TcpListener,
    mut behaviour: watch::Receiver<Behaviour>,
    metrics: Metrics,
    requests: Arc<AtomicUsize>,
) {
    let address = listener.local_addr().unwrap();
    loop {
        let mut connections = JoinSet::new();
        let accept = async {
            loop {
                let (connection, _) = listener.accept().await.unwrap();
                connections.spawn(converse(connection, behaviour.clone(), metrics.clone(), requests.clone()));
            }
        };
        let mut dies = behaviour.clone();
        tokio::select! {
            () = accept => {}
            died = dies.wait_for(|behaviour| *behaviour == Behaviour::Dead) => {
                if died.is_err() { return }
            }
        }
        drop((listener, connections));
        if behaviour.wait_for(|behaviour| *behaviour != Behaviour::Dead).await.is_err() {
            return;
        }
        listener = TcpListener::bind(address).await.unwrap();
    }
}

/// Answers what is asked on one connection, until somebody closes it.
async fn converse(
    mut connection: TcpStream,
    behaviour: watch::Receiver<Behaviour>,
    metrics: Metrics,
    requests: Arc<AtomicUsize>,
) {
    while next_request(&mut connection).await.is_some() {
        requests.fetch_add(1, Ordering::Relaxed);
        let behaviour = behaviour.borrow().clone();
        let text = match behaviour {
            Behaviour::Serving => metrics(true),
            Behaviour::NoPodLabels => metrics(false),
            Behaviour::Saying(text) => text.to_string(),
            Behaviour::Huge => "# nothing\n".repeat(5_000_000),
            Behaviour::Hanging | Behaviour::Dead => return std::future::pending().await,
        };
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n", text.len());
        // The other side may have had enough.
        if connection.write_all(head.as_bytes()).await.is_err() || connection.write_all(text.as_bytes()).await.is_err()
        {
            return;
        }
    }
}

/// Reads a request's head; `None` when the connection is closed.
async fn next_request(connection: &mut TcpStream) -> Option<()> {
    let mut end = [0; 4];
    while end != *b"\r\n\r\n" {
        end.rotate_left(1);
        end[3] = connection.read_u8().await.ok()?;
    }
    Some(())
}
