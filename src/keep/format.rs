//! The file: two lines that a person can read, the tables as compressed lines of JSON, and a seal over all of it.
//!
//! The seal is a MAC under the installation's secret and the SHA-256 of everything before, so that a damaged file is
//! known for one without the secret, and a forged one with it.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};

use anyhow::{Context, bail};
use aws_lc_rs::{digest, hmac};
use flate2::Compression;
use flate2::bufread::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};

use super::rows::Sum;
use crate::auth::secrets::{Secrets, hex};
use crate::db::Moment;

/// The first line of every backup; the number changes with the format.
const FIRST: &str = "colonnade backup 1\n";
/// A header is longer than this in no file that we made.
const LONGEST_HEADER: u64 = 65_536;
const DIGEST: usize = 32;
/// The MAC and the digest.
const SEAL: u64 = 64;

/// What the second line tells about a backup.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Header {
    /// The version of the program that made it.
    pub program: String,
    pub made_at: Moment,
    /// The database that it was made from.
    pub database: String,
    /// The versions of the migrations that its tables have.
    pub migrations: Vec<String>,
    /// Tells whether a secret is the one that the installation had, and not what it was.
    pub secret: String,
}

/// What stands between the rows, which are arrays.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "snake_case")]
pub enum Mark {
    Table {
        name: String,
        columns: Vec<String>,
    },
    End(Sum),
    /// Nothing comes after it.
    Last {
        tables: usize,
    },
}

/// Tells secrets apart without telling them.
#[must_use]
pub fn fingerprint(secrets: &Secrets) -> String {
    hex(&secrets.key("backup-fingerprint"))
        .chars()
        .take(16)
        .collect()
}

fn mac(secrets: &Secrets, digest: &[u8]) -> hmac::Tag {
    hmac::sign(&mac_key(secrets), digest)
}

fn mac_key(secrets: &Secrets) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, &secrets.key("backup"))
}

/// Writes to a file and adds up the digest of what went there.
struct Digesting<W> {
    out: W,
    context: digest::Context,
}

impl<W: Write> Write for Digesting<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.context
            .update(bytes.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}

/// A backup that is being written.
pub struct Writer<'a> {
    out: GzEncoder<Digesting<BufWriter<&'a File>>>,
}

impl<'a> Writer<'a> {
    /// # Errors
    /// The file's.
    pub fn new(file: &'a File, header: &Header) -> anyhow::Result<Self> {
        let mut out = Digesting {
            out: BufWriter::with_capacity(65_536, file),
            context: digest::Context::new(&digest::SHA256),
        };
        writeln!(out, "{FIRST}{}", serde_json::to_string(header)?)?;
        let out = GzEncoder::new(out, Compression::new(6));
        Ok(Self { out })
    }

    /// Adds a line: a mark, or a row.
    ///
    /// # Errors
    /// The file's.
    pub fn line(&mut self, line: &impl Serialize) -> anyhow::Result<()> {
        serde_json::to_writer(&mut self.out, line)?;
        self.out.write_all(b"\n")?;
        Ok(())
    }

    /// Seals the file and brings it to the disk.
    ///
    /// # Errors
    /// The file's.
    pub fn seal(self, secrets: &Secrets) -> anyhow::Result<()> {
        let mut out = self.out.finish()?;
        let content = out.context.clone().finish();
        out.write_all(mac(secrets, content.as_ref()).as_ref())?;
        let Digesting { mut out, context } = out;
        out.write_all(context.finish().as_ref())?;
        out.flush()?;
        out.get_ref().sync_all()?;
        Ok(())
    }
}

/// A backup whose every byte is as it was written.
pub struct Backup {
    pub header: Header,
    /// The SHA-256 of the whole file, as `sha256sum` gives it.
    pub sha256: String,
    file: File,
    content: (u64, u64),
    content_digest: digest::Digest,
    mac: Vec<u8>,
}

impl Backup {
    /// Reads the file to its end and believes it only if its digest is right.
    ///
    /// # Errors
    /// When it is not a backup, or is damaged.
    pub fn open(mut file: File) -> anyhow::Result<Self> {
        let length = file.seek(SeekFrom::End(0))?;
        file.rewind()?;
        let mut first = String::new();
        let mut reader = BufReader::new((&file).take(LONGEST_HEADER));
        if reader.read_line(&mut first).is_err() || first != FIRST {
            bail!("it is not a backup that this release can read: it must begin with {FIRST:?}");
        }
        let sealed = length.saturating_sub(SEAL);
        file.rewind()?;
        let (context, mac, digest) = digests(&file, sealed)?;
        let mut whole = context.clone();
        whole.update(&mac);
        if whole.clone().finish().as_ref() != digest {
            bail!("it is damaged or not complete: its digest is not the one at its end");
        }
        whole.update(&digest);
        let (header, begins) = header(&file)?;
        Ok(Self {
            header,
            sha256: hex(whole.finish().as_ref()),
            file,
            content: (begins, sealed),
            content_digest: context.finish(),
            mac,
        })
    }

    /// Whether it was made under this secret.
    ///
    /// # Errors
    /// When it says so and was not.
    pub fn is_made_under(&self, secrets: &Secrets) -> anyhow::Result<bool> {
        if self.header.secret != fingerprint(secrets) {
            return Ok(false);
        }
        if hmac::verify(&mac_key(secrets), self.content_digest.as_ref(), &self.mac).is_err() {
            bail!("it was changed by somebody who does not have the secret");
        }
        Ok(true)
    }

    /// The lines between the header and the seal.
    ///
    /// # Errors
    /// The file's.
    pub fn lines(&self) -> anyhow::Result<impl BufRead> {
        let (from, to) = self.content;
        let mut file = &self.file;
        file.seek(SeekFrom::Start(from))?;
        let compressed = BufReader::with_capacity(65_536, file.take(to.saturating_sub(from)));
        Ok(BufReader::with_capacity(65_536, GzDecoder::new(compressed)))
    }
}

/// The digest of what is sealed, not yet finished, and the two parts of the seal.
fn digests(file: &File, sealed: u64) -> anyhow::Result<(digest::Context, Vec<u8>, Vec<u8>)> {
    let mut context = digest::Context::new(&digest::SHA256);
    let mut reader = BufReader::with_capacity(65_536, file);
    let mut rest = (&mut reader).take(sealed);
    loop {
        let bytes = rest.fill_buf().context("reading the backup")?;
        if bytes.is_empty() {
            break;
        }
        context.update(bytes);
        let count = bytes.len();
        rest.consume(count);
    }
    let (mut mac, mut digest) = (vec![0; DIGEST], vec![0; DIGEST]);
    let seal = reader
        .read_exact(&mut mac)
        .and_then(|()| reader.read_exact(&mut digest));
    seal.context("it is damaged or not complete: it has no seal")?;
    Ok((context, mac, digest))
}

/// The header, and where the content begins.
fn header(mut file: &File) -> anyhow::Result<(Header, u64)> {
    let begins = u64::try_from(FIRST.len())?;
    file.seek(SeekFrom::Start(begins))?;
    let mut line = String::new();
    let length = BufReader::new(file.take(LONGEST_HEADER)).read_line(&mut line)?;
    let header = serde_json::from_str(&line).context("its header can't be read")?;
    Ok((header, begins + u64::try_from(length)?))
}
