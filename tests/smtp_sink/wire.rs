//! One connection to the sink, in clear or inside TLS, line by line.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A connection. What is heard in clear is noted down.
pub struct Wire {
    stream: BufReader<Stream>,
    clear: File,
}

enum Stream {
    Clear(TcpStream),
    Protected(Box<StreamOwned<ServerConnection, TcpStream>>),
}

impl Wire {
    pub fn new(stream: TcpStream, clear: File) -> Self {
        Self {
            stream: BufReader::new(Stream::Clear(stream)),
            clear,
        }
    }

    pub fn is_protected(&self) -> bool {
        matches!(self.stream.get_ref(), Stream::Protected(_))
    }

    /// Goes on inside TLS; whatever came in clear and was not read yet is forgotten.
    pub fn protect(self, identity: &Arc<ServerConfig>) -> std::io::Result<Self> {
        let stream = match self.stream.into_inner() {
            Stream::Clear(stream) => {
                let session =
                    ServerConnection::new(identity.clone()).map_err(std::io::Error::other)?;
                Stream::Protected(Box::new(StreamOwned::new(session, stream)))
            }
            protected @ Stream::Protected(_) => protected,
        };
        Ok(Self {
            stream: BufReader::new(stream),
            clear: self.clear,
        })
    }

    pub fn say(&mut self, line: &str) -> std::io::Result<()> {
        let out = self.stream.get_mut();
        write!(out, "{line}\r\n")?;
        out.flush()
    }

    /// The next line; none at the end.
    pub fn hear(&mut self) -> std::io::Result<Option<String>> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        if !self.is_protected() {
            self.clear.write_all(line.as_bytes())?;
        }
        Ok(Some(line.trim_end_matches(['\r', '\n']).to_owned()))
    }
}

impl Read for Stream {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Clear(stream) => stream.read(into),
            Self::Protected(stream) => stream.read(into),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, from: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Clear(stream) => stream.write(from),
            Self::Protected(stream) => stream.write(from),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Self::Clear(stream) => stream.flush(),
            Self::Protected(stream) => stream.flush(),
        }
    }
}

/// The certificate and the key of a PEM file.
pub fn identity(path: &Path) -> Result<Arc<ServerConfig>, Box<dyn std::error::Error>> {
    let certificates = CertificateDer::pem_file_iter(path)?.collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_file(path)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(certificates, key)?;
    Ok(Arc::new(config))
}
