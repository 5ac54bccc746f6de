//! The mail server: the connections kept open to it, how long it is waited for, and what its answers mean.

use std::future::Future;
use std::io::ErrorKind;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use lettre::message::Message;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls as Protection, TlsParameters};
use lettre::transport::smtp::{AsyncSmtpTransportBuilder, Error, PoolConfig};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use secrecy::ExposeSecret;

use super::mailer::Failure;
use crate::config::{self, Tls};

type Connections = AsyncSmtpTransport<Tokio1Executor>;

/// Answers about our own sign-in (RFC 4954 §6). An operator puts that right, and the mail is as good as before.
const ABOUT_US: [u16; 4] = [530, 534, 535, 538];

/// One mail server.
pub struct Server {
    settings: AsyncSmtpTransportBuilder,
    connections: Mutex<Connections>,
    patience: Duration,
}

impl Server {
    /// # Errors
    /// When the settings make no transport.
    pub fn new(settings: &config::Mail) -> anyhow::Result<Self> {
        let builder = builder(settings)?;
        Ok(Self {
            connections: Mutex::new(builder.clone().build()),
            settings: builder,
            patience: Duration::from_secs(settings.timeout_seconds),
        })
    }

    /// # Errors
    /// Whether it is worth trying again.
    pub async fn send(&self, message: Message) -> Result<(), Failure> {
        let connections = self.connections();
        let sending = async { connections.send(message).await };
        self.wait_for(sending).await.map(|_| ())
    }

    /// Whether it can be spoken to.
    ///
    /// # Errors
    /// What is wrong.
    pub async fn test(&self) -> Result<(), String> {
        let connections = self.connections();
        let testing = async { connections.test_connection().await };
        match self.wait_for(testing).await {
            Ok(true) => Ok(()),
            Ok(false) => Err("the mail server does not answer".into()),
            Err(Failure::Never(why) | Failure::Later(why)) => Err(why),
        }
    }

    fn connections(&self) -> Connections {
        self.connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The timeout of the connections themselves ends with connecting, so a server that takes one and then keeps
    /// silent is given up here.
    async fn wait_for<T>(
        &self,
        exchange: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Failure> {
        if let Ok(done) = tokio::time::timeout(self.patience, exchange).await {
            return done.map_err(|error| failure(&error));
        }
        self.start_anew();
        Err(Failure::Later(
            "the mail server did not answer in time".into(),
        ))
    }

    /// An exchange that is given up leaves a connection with an answer still to come, which the next mail on it would
    /// take for its own. So none of the old connections is used again.
    fn start_anew(&self) {
        let fresh = self.settings.clone().build();
        *self
            .connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = fresh;
    }
}

fn builder(settings: &config::Mail) -> anyhow::Result<AsyncSmtpTransportBuilder> {
    let protection = match settings.tls {
        Tls::None => Protection::None,
        Tls::Starttls => Protection::Required(parameters(settings)?),
        Tls::Tls => Protection::Wrapper(parameters(settings)?),
    };
    let mut builder = Connections::builder_dangerous(&settings.host)
        .port(settings.port)
        .tls(protection)
        .timeout(Some(Duration::from_secs(settings.timeout_seconds)))
        .pool_config(PoolConfig::new().max_size(settings.connections));
    if !settings.username.is_empty() {
        let password = settings.password.expose_secret().to_owned();
        builder = builder.credentials(Credentials::new(settings.username.clone(), password));
    }
    Ok(builder)
}

fn parameters(settings: &config::Mail) -> anyhow::Result<TlsParameters> {
    let about = || format!("mail.ca_file: {}", settings.ca_file);
    let mut builder = TlsParameters::builder(settings.host.clone());
    if !settings.ca_file.is_empty() {
        builder = builder.add_root_certificate(authority(&settings.ca_file).with_context(about)?);
    }
    builder.build().with_context(about)
}

/// The certificates of a PEM file.
fn authority(path: &str) -> anyhow::Result<Certificate> {
    let pem = std::fs::read(path)?;
    let is_one = String::from_utf8_lossy(&pem).contains("-----BEGIN CERTIFICATE-----");
    ensure!(is_one, "there is no certificate in it");
    Ok(Certificate::from_pem(&pem)?)
}

fn failure(error: &Error) -> Failure {
    let about_us = error
        .status()
        .is_some_and(|code| ABOUT_US.contains(&code.into()));
    if error.is_permanent() && !about_us {
        Failure::Never(reason(error))
    } else {
        Failure::Later(reason(error))
    }
}

/// What the server said, without the address that it may repeat.
fn reason(error: &Error) -> String {
    match error.status() {
        Some(code) => format!("the mail server answered {code}"),
        None if error.is_timeout() => "the mail server did not answer in time".into(),
        None if error.is_client() => "the mail server does not offer what is needed".into(),
        None => match tls_error(error) {
            Some(why) => format!("no TLS with the mail server: {why}"),
            None => "no connection to the mail server".into(),
        },
    }
}

/// What TLS found wrong, such as a certificate by an unknown authority. It comes as a connection that broke, with
/// data that is not valid as the cause.
fn tls_error(error: &Error) -> Option<String> {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if let Some(broken) = error.downcast_ref::<std::io::Error>() {
            let is_tls = broken.kind() == ErrorKind::InvalidData;
            return is_tls.then(|| broken.to_string());
        }
        cause = error.source();
    }
    None
}
