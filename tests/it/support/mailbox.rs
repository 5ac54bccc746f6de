//! Reads mail: from the folder that the folder transport fills, or from the SMTP server in its own process.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use mail_parser::MessageParser;

/// One mail, as its reader sees it.
#[derive(Debug, Clone)]
pub struct Letter {
    pub to: String,
    pub subject: String,
    pub text: String,
    pub html: String,
    pub message_id: String,
    pub language: String,
}

impl Letter {
    /// The one-time code: the paragraph that is one long word.
    pub fn code(&self) -> String {
        let long = |line: &&str| line.len() > 40 && !line.contains(' ') && !line.contains("://");
        self.text
            .lines()
            .map(str::trim)
            .find(long)
            .expect("a code in the mail")
            .to_owned()
    }
}

/// All mails in a folder, oldest first.
pub fn letters(folder: &Path, extension: &str) -> Vec<Letter> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .map(|entries| {
            entries
                .filter_map(|entry| Some(entry.ok()?.path()))
                .collect()
        })
        .unwrap_or_default();
    paths.retain(|path| path.extension().is_some_and(|found| found == extension));
    paths.sort();
    paths
        .iter()
        .map(|path| parse(&std::fs::read_to_string(path).expect("a mail")))
        .collect()
}

fn parse(raw: &str) -> Letter {
    // The sink puts the envelope in front of the message.
    let message = raw
        .split_once("\n\n")
        .filter(|(head, _)| head.starts_with("RCPT"))
        .map_or(raw, |(_, rest)| rest);
    let mail = MessageParser::default()
        .parse(message.as_bytes())
        .expect("a message");
    let header = |name: &str| mail.header_raw(name).unwrap_or_default().trim().to_owned();
    Letter {
        to: mail
            .to()
            .and_then(|to| to.first())
            .and_then(|to| to.address())
            .unwrap_or_default()
            .to_owned(),
        subject: mail.subject().unwrap_or_default().to_owned(),
        text: mail.body_text(0).unwrap_or_default().into_owned(),
        html: mail.body_html(0).unwrap_or_default().into_owned(),
        message_id: mail.message_id().unwrap_or_default().to_owned(),
        language: header("Content-Language"),
    }
}

/// The SMTP server of the tests, in a process of its own.
pub struct Sink {
    pub port: u16,
    pub folder: tempfile::TempDir,
    /// The authority that its certificate is by, if it has one.
    pub authority: Option<PathBuf>,
    process: Child,
}

impl Sink {
    /// Starts it; the first `refuse` messages are refused for the time being.
    pub fn start(refuse: usize) -> Self {
        Self::start_with(&[("SINK_REFUSE", refuse.to_string())])
    }

    /// Starts it with settings of its own, which the program's first lines explain.
    pub fn start_with(settings: &[(&str, String)]) -> Self {
        Self::start_in(tempfile::tempdir().expect("a folder"), settings)
    }

    /// Starts it with TLS, as `starttls` or `tls`, and a certificate for `localhost` by an authority of its own.
    pub fn start_with_tls(how: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (authority, identity) = certificates(folder.path());
        let settings = [
            ("SINK_TLS", how.to_owned()),
            ("SINK_IDENTITY", identity.display().to_string()),
        ];
        let mut sink = Self::start_in(folder, &settings);
        sink.authority = Some(authority);
        sink
    }

    fn start_in(folder: tempfile::TempDir, settings: &[(&str, String)]) -> Self {
        let test = std::env::current_exe().expect("this program");
        let built = test
            .parent()
            .and_then(Path::parent)
            .expect("the target folder");
        let mut process = Command::new(built.join("examples/smtp_sink"))
            .arg(folder.path())
            .env("SINK_PASSWORD", "let me in")
            .envs(settings.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::piped())
            .spawn()
            .expect("the SMTP server; cargo test builds it");
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("its output"))
            .read_line(&mut line)
            .expect("its port");
        Self {
            port: line.trim().parse().expect("a port"),
            folder,
            authority: None,
            process,
        }
    }

    /// Everything that it heard outside TLS.
    pub fn heard_in_clear(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("clear.log")).expect("its notes")
    }

    /// Makes it hang: connections are taken, and nobody answers.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let process = self.process.id().to_string();
        let sent = Command::new("kill").args([signal, &process]).status();
        assert!(sent.expect("kill").success());
    }

    pub fn letters(&self) -> Vec<Letter> {
        letters(self.folder.path(), "mail")
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Makes an authority and a certificate for `localhost` by it. Gives the PEM files of the authority, and of the
/// certificate with its key.
fn certificates(folder: &Path) -> (PathBuf, PathBuf) {
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
    let mut params = CertificateParams::new([]).expect("an authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let authority = CertifiedIssuer::self_signed(params, key).expect("an authority");
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
    let own = params.signed_by(&key, &authority).expect("a certificate");
    let (root, identity) = (folder.join("authority.pem"), folder.join("identity.pem"));
    std::fs::write(&root, authority.pem()).expect("a file");
    let both = format!("{}{}", own.pem(), key.serialize_pem());
    std::fs::write(&identity, both).expect("a file");
    (root, identity)
}
