//! The secret of an installation that configures none: made at the first start, kept beside the database.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use secrecy::ExposeSecret;

use crate::auth::secrets::{Secrets, Signer, new_token};
use crate::clock::Chance;
use crate::config::Config;
use crate::db::Place;

/// The configured secret, or the one beside the SQLite file.
///
/// # Errors
/// When the file can't be read or made.
pub fn secret(config: &Config, chance: &dyn Chance) -> anyhow::Result<String> {
    let configured = config.auth.secret.expose_secret();
    if !configured.is_empty() {
        return Ok(configured.to_owned());
    }
    let Place::Sqlite(path) = config.place()? else {
        anyhow::bail!("auth.secret must be set for PostgreSQL");
    };
    let path = PathBuf::from(format!("{path}.secret"));
    match std::fs::read_to_string(&path) {
        Ok(secret) if secret.trim().len() >= 32 => Ok(secret.trim().to_owned()),
        Ok(_) => anyhow::bail!(
            "{} holds no secret of at least 32 characters",
            path.display()
        ),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => make(&path, chance),
        Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
    }
}

/// What the ledger's entries are signed with.
///
/// # Errors
/// When the file can't be read or made.
pub fn ledger_signer(config: &Config, chance: &dyn Chance) -> anyhow::Result<Signer> {
    let own = config.ledger.secret.expose_secret();
    let secret = if own.is_empty() {
        secret(config, chance)?
    } else {
        own.to_owned()
    };
    Ok(Secrets::new(&secret, "").signer("ledger"))
}

fn make(path: &PathBuf, chance: &dyn Chance) -> anyhow::Result<String> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("creating {}", folder.display()))?;
    }
    let secret = new_token(chance);
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options
        .open(path)
        .with_context(|| format!("creating {}", path.display()))?;
    writeln!(file, "{secret}")
        .and_then(|()| file.sync_all())
        .with_context(|| format!("writing {}", path.display()))?;
    Ok(secret)
}
