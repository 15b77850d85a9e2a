//! A way to the database that can fall silent: connections stay, and nothing passes any more.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex},
    thread,
};

/// See the top of the file.
pub struct Way {
    /// Where it begins, on 127.0.0.1.
    pub port: u16,
    silent: Arc<(Mutex<bool>, Condvar)>,
}

impl Way {
    /// A way to this port.
    pub fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let way = Self {
            port: listener.local_addr().unwrap().port(),
            silent: Arc::default(),
        };
        let silent = Arc::clone(&way.silent);
        thread::spawn(move || {
            for near in listener.incoming() {
                let (near, Ok(far)) = (near.unwrap(), TcpStream::connect(("127.0.0.1", server)))
                else {
                    continue;
                };
                let ends = (near.try_clone().unwrap(), far.try_clone().unwrap());
                for (from, to) in [(near, far), (ends.1, ends.0)] {
                    let silent = Arc::clone(&silent);
                    thread::spawn(move || pass(from, to, &silent));
                }
            }
        });
        way
    }

    /// Nothing passes, or what waited passes too.
    pub fn silence(&self, silent: bool) {
        *self.silent.0.lock().unwrap() = silent;
        self.silent.1.notify_all();
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, silent: &(Mutex<bool>, Condvar)) {
    let mut some = [0; 8192];
    while let Ok(length @ 1..) = from.read(&mut some) {
        let guard = silent.0.lock().unwrap();
        drop(silent.1.wait_while(guard, |silent| *silent).unwrap());
        if to.write_all(&some[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}
