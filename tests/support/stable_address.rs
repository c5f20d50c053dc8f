//! A loopback address that stays while the server behind it changes, as a virtual address or a
//! name in the DNS does. Connections that were made lead where they led.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

/// The address. It ends with the test's runtime.
pub struct StableAddress {
    port: u16,
    server: Arc<AtomicU16>,
}

impl StableAddress {
    pub async fn of(server: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = Arc::new(AtomicU16::new(server));
        let current = Arc::clone(&server);
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let to = current.load(Ordering::SeqCst);
                tokio::spawn(async move {
                    // A server that is down: the client sees its connection end.
                    if let Ok(mut server) = TcpStream::connect(("127.0.0.1", to)).await {
                        let _ = copy_bidirectional(&mut client, &mut server).await;
                    }
                });
            }
        });
        Self { port, server }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// New connections lead to `server` from here on.
    pub fn leads_to(&self, server: u16) {
        self.server.store(server, Ordering::SeqCst);
    }
}
