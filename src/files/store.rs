//! The store: files come in through a nameless one on the disk, and lie under an id that the program has made.

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actix_web::web::Bytes;
use anyhow::Context;
use aws_lc_rs::digest;
use futures_util::stream::{BoxStream, StreamExt};
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{GetOptions, ObjectStore, ObjectStoreExt, PutPayload, RetryConfig};
use secrecy::ExposeSecret;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{Semaphore, SemaphorePermit};
use uuid::Uuid;

use crate::auth::secrets::hex;
use crate::config::{Config, Documents, FileStore};
use crate::error::{Error, Result};

/// What is handed to the store at a time; a bucket takes no smaller parts.
const PART: usize = 5 * 1024 * 1024;

/// How long a bucket is asked again and again before that counts as a failure.
const RETRY: Duration = Duration::from_secs(20);

pub struct Files {
    settings: Documents,
    folder: PathBuf,
    opened: OnceLock<Arc<dyn ObjectStore>>,
    places: Semaphore,
}

/// A file that is coming in. It has no name on the disk, so nothing is left of it if the program ends.
pub struct Spool<'a> {
    file: tokio::fs::File,
    digest: digest::Context,
    bytes: u64,
    place: SemaphorePermit<'a>,
}

/// A file that has come in whole.
pub struct Spooled<'a> {
    pub file: File,
    pub bytes: u64,
    pub sha256: String,
    _place: SemaphorePermit<'a>,
}

impl Files {
    /// # Errors
    /// When the database's URL, beside whose file the folder may lie, is not one.
    pub fn new(config: &Config) -> anyhow::Result<Self> {
        Ok(Self {
            folder: config.documents_folder()?,
            opened: OnceLock::new(),
            places: Semaphore::new(config.documents.at_once),
            settings: config.documents.clone(),
        })
    }

    /// The store, opened when it is first needed.
    fn open(&self) -> anyhow::Result<Arc<dyn ObjectStore>> {
        if let Some(store) = self.opened.get() {
            return Ok(store.clone());
        }
        let store: Arc<dyn ObjectStore> = match self.settings.store {
            FileStore::Folder => {
                self.make_folder()?;
                Arc::new(LocalFileSystem::new_with_prefix(&self.folder)?.with_fsync(true))
            }
            FileStore::S3 => Arc::new(bucket(&self.settings)?),
        };
        Ok(self.opened.get_or_init(|| store).clone())
    }

    fn make_folder(&self) -> anyhow::Result<()> {
        std::fs::create_dir_all(&self.folder)
            .with_context(|| format!("creating {}", self.folder.display()))
    }

    /// A place for a file that is to come in.
    ///
    /// # Errors
    /// `busy` while as many come in as may, or that the disk takes none.
    pub fn spool(&self) -> Result<Spool<'_>> {
        let place = self.places.try_acquire().map_err(|_| Error::busy())?;
        self.make_folder()?;
        let file = tempfile::tempfile_in(&self.folder).context("a file for an upload")?;
        Ok(Spool {
            file: tokio::fs::File::from_std(file),
            digest: digest::Context::new(&digest::SHA256),
            bytes: 0,
            place,
        })
    }

    /// Puts a file into the store; it is there whole, or not at all.
    ///
    /// # Errors
    /// When the store does not take it.
    pub async fn put(&self, id: Uuid, mut file: File) -> anyhow::Result<()> {
        let (store, path) = (self.open()?, path(id));
        file.seek(SeekFrom::Start(0))?;
        let mut file = tokio::fs::File::from_std(file);
        let first = part(&mut file).await?;
        if first.len() < PART {
            store.put(&path, PutPayload::from(first)).await?;
            return Ok(());
        }
        let mut upload = store.put_multipart(&path).await?;
        let sent = async {
            let mut next = first;
            while !next.is_empty() {
                upload.put_part(PutPayload::from(next)).await?;
                next = part(&mut file).await?;
            }
            anyhow::Ok(())
        };
        if let Err(error) = sent.await {
            let _ = upload.abort().await;
            return Err(error);
        }
        upload.complete().await?;
        Ok(())
    }

    /// Bytes of a file, from the store as they are asked for.
    ///
    /// # Errors
    /// When the file is not there.
    pub async fn get(
        &self,
        id: Uuid,
        range: Range<u64>,
    ) -> anyhow::Result<BoxStream<'static, object_store::Result<Bytes>>> {
        let options = GetOptions::new().with_range(Some(range));
        let found = self.open()?.get_opts(&path(id), options).await?;
        Ok(found.into_stream())
    }

    /// Removes a file, and what an end in the middle of `put` may have left of it. Once it is gone this does nothing.
    ///
    /// # Errors
    /// When the store can't do it now.
    pub async fn remove(&self, id: Uuid) -> anyhow::Result<()> {
        match self.open()?.delete(&path(id)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        self.remove_rests(id)
    }

    /// The library writes beside a file, under its name with a number, before it renames.
    fn remove_rests(&self, id: Uuid) -> anyhow::Result<()> {
        if self.settings.store == FileStore::S3 {
            return Ok(());
        }
        let beginning = format!("{id}#");
        for entry in std::fs::read_dir(&self.folder)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(&beginning) {
                std::fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// Every file in the store, by its id; what has another name is none of ours.
    ///
    /// # Errors
    /// When the store can't be asked.
    pub async fn all(&self) -> anyhow::Result<Vec<Uuid>> {
        let mut listed = self.open()?.list(None);
        let mut ids = Vec::new();
        while let Some(found) = listed.next().await {
            ids.extend(found?.location.as_ref().parse::<Uuid>().ok());
        }
        Ok(ids)
    }
}

impl<'a> Spool<'a> {
    /// # Errors
    /// When the disk takes no more.
    pub async fn write(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.digest.update(bytes);
        self.bytes += u64::try_from(bytes.len())?;
        Ok(self.file.write_all(bytes).await?)
    }

    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// # Errors
    /// When the disk has not taken all.
    pub async fn finish(mut self) -> anyhow::Result<Spooled<'a>> {
        self.file.flush().await?;
        Ok(Spooled {
            file: self.file.into_std().await,
            bytes: self.bytes,
            sha256: hex(self.digest.finish().as_ref()),
            _place: self.place,
        })
    }
}

fn path(id: Uuid) -> Path {
    Path::from(id.to_string())
}

/// The next part; it is short where the file ends, and empty after that.
async fn part(file: &mut tokio::fs::File) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(PART)?;
    file.take(limit).read_to_end(&mut bytes).await?;
    Ok(bytes)
}

fn bucket(settings: &Documents) -> anyhow::Result<impl ObjectStore> {
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(&settings.bucket)
        .with_region(&settings.region)
        .with_retry(RetryConfig {
            max_retries: 3,
            retry_timeout: RETRY,
            ..RetryConfig::default()
        });
    if !settings.endpoint.is_empty() {
        builder = builder
            .with_endpoint(&settings.endpoint)
            .with_allow_http(settings.endpoint.starts_with("http://"));
    }
    if !settings.access_key_id.is_empty() {
        builder = builder
            .with_access_key_id(&settings.access_key_id)
            .with_secret_access_key(settings.secret_access_key.expose_secret());
    }
    Ok(builder.build()?)
}
