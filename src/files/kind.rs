//! What a file is, told by its content: its first bytes, all of a text, and what an archive says it holds.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use rawzip::{RECOMMENDED_BUFFER_SIZE, ZipArchive};

/// Enough to tell a file by its beginning.
const HEAD: usize = 8192;
/// An office document has some dozens of parts, a large one some thousands.
const MOST_PARTS: u64 = 10_000;
/// How much an archive may say that it unpacks to: this, and so many times what it takes itself.
const UNPACKED: u64 = 32 * 1024 * 1024;
const TIMES: u64 = 100;

crate::words! {
    /// What a document may be.
    pub enum Kind {
        Pdf = "pdf",
        Png = "png",
        Jpeg = "jpeg",
        Docx = "docx",
        Xlsx = "xlsx",
        Pptx = "pptx",
        Odt = "odt",
        Text = "text",
    }
}

/// Why a file is not taken.
#[derive(Debug, PartialEq, Eq)]
pub enum Unfit {
    /// It is none of the kinds.
    Unknown,
    /// An archive that holds, or claims to hold, what no document does.
    Unsafe,
}

impl Kind {
    /// The endings that a name may have for it, the usual one first.
    #[must_use]
    pub fn endings(self) -> &'static [&'static str] {
        match self {
            Self::Pdf => &["pdf"],
            Self::Png => &["png"],
            Self::Jpeg => &["jpg", "jpeg"],
            Self::Docx => &["docx"],
            Self::Xlsx => &["xlsx"],
            Self::Pptx => &["pptx"],
            Self::Odt => &["odt"],
            Self::Text => &["txt", "csv"],
        }
    }

    /// The media type; a text is a table where its name says so.
    #[must_use]
    pub fn media_type(self, ending: &str) -> &'static str {
        match self {
            Self::Pdf => "application/pdf",
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Docx => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            Self::Pptx => {
                "application/vnd.openxmlformats-officedocument.presentationml.presentation"
            }
            Self::Odt => "application/vnd.oasis.opendocument.text",
            Self::Text if ending == "csv" => "text/csv; charset=utf-8",
            Self::Text => "text/plain; charset=utf-8",
        }
    }
}

/// The kinds that a setting names.
///
/// # Errors
/// What is none, or that there is none at all.
pub fn kinds(setting: &str) -> Result<Vec<Kind>, String> {
    let words = setting.split(',').map(str::trim);
    let kinds: Vec<Kind> = words
        .filter(|word| !word.is_empty())
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    if kinds.is_empty() {
        return Err("names no kind of file".into());
    }
    Ok(kinds)
}

/// Looks into a file. An archive is not unpacked: only its directory is read, a piece at a time.
///
/// # Errors
/// Why it is not taken, or that it can't be read.
pub fn look(file: &File) -> anyhow::Result<Result<Kind, Unfit>> {
    let mut reader = file;
    reader.seek(SeekFrom::Start(0))?;
    let mut head = Vec::with_capacity(HEAD);
    reader.take(u64::try_from(HEAD)?).read_to_end(&mut head)?;
    if head.starts_with(b"PK") {
        return archive(file, &head);
    }
    let known = infer::get(&head).map(|found| found.mime_type());
    Ok(match known {
        Some("application/pdf") => Ok(Kind::Pdf),
        Some("image/png") => Ok(Kind::Png),
        Some("image/jpeg") => Ok(Kind::Jpeg),
        None if !head.is_empty() && is_text(file)? => Ok(Kind::Text),
        _ => Err(Unfit::Unknown),
    })
}

/// Whether all of it is UTF-8 without control characters other than those that lay out a text.
fn is_text(mut file: &File) -> anyhow::Result<bool> {
    file.seek(SeekFrom::Start(0))?;
    let mut bytes = Vec::new();
    loop {
        let kept = bytes.len();
        let read = file.take(64 * 1024).read_to_end(&mut bytes)?;
        if read == 0 {
            return Ok(kept == 0);
        }
        let whole = match std::str::from_utf8(&bytes) {
            Ok(text) => text.len(),
            // A letter may lie across two pieces.
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            Err(_) => return Ok(false),
        };
        let lays_out = |byte: &u8| matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c);
        if bytes
            .iter()
            .any(|byte| (*byte < 0x20 || *byte == 0x7f) && !lays_out(byte))
        {
            return Ok(false);
        }
        bytes.drain(..whole);
    }
}

/// What an archive's directory says of it.
#[derive(Default)]
struct Contents {
    parts: u64,
    packed: u64,
    unpacked: u64,
    has_types: bool,
    main: Option<Kind>,
    is_open_document: bool,
    is_odd: bool,
}

impl Contents {
    fn note(&mut self, name: &[u8], packed: u64, unpacked: u64) {
        self.parts += 1;
        self.packed = self.packed.saturating_add(packed);
        self.unpacked = self.unpacked.saturating_add(unpacked);
        match name {
            b"[Content_Types].xml" => self.has_types = true,
            b"word/document.xml" => self.main = Some(Kind::Docx),
            b"xl/workbook.xml" => self.main = Some(Kind::Xlsx),
            b"ppt/presentation.xml" => self.main = Some(Kind::Pptx),
            b"META-INF/manifest.xml" => self.is_open_document = true,
            _ => {}
        }
        let text = String::from_utf8_lossy(name).replace('\\', "/");
        self.is_odd |= text.starts_with('/')
            || text.split('/').any(|piece| piece == "..")
            || text.to_ascii_lowercase().ends_with("vbaproject.bin");
    }

    fn is_unsafe(&self, size: u64) -> bool {
        self.is_odd
            || self.parts > MOST_PARTS
            || self.packed > size
            || self.unpacked > UNPACKED.max(size.saturating_mul(TIMES))
    }
}

fn archive(file: &File, head: &[u8]) -> anyhow::Result<Result<Kind, Unfit>> {
    let size = file.metadata()?.len();
    let mut buffer = vec![0; RECOMMENDED_BUFFER_SIZE];
    let Ok(archive) = ZipArchive::from_file(file.try_clone()?, &mut buffer) else {
        return Ok(Err(Unfit::Unknown));
    };
    let mut contents = Contents::default();
    let mut entries = archive.entries(&mut buffer);
    loop {
        match entries.next_entry() {
            Ok(Some(entry)) => contents.note(
                entry.file_path().as_ref(),
                entry.compressed_size_hint(),
                entry.uncompressed_size_hint(),
            ),
            Ok(None) => break,
            Err(_) => return Ok(Err(Unfit::Unknown)),
        }
        if contents.is_unsafe(size) {
            return Ok(Err(Unfit::Unsafe));
        }
    }
    let says_odt = head
        .get(30..)
        .is_some_and(|rest| rest.starts_with(ODT_START) && !rest.starts_with(ODT_TEMPLATE));
    Ok(match contents.main {
        Some(kind) if contents.has_types => Ok(kind),
        None if contents.is_open_document && says_odt => Ok(Kind::Odt),
        _ => Err(Unfit::Unknown),
    })
}

/// How an open document begins: its first part is its type, unpacked.
const ODT_START: &[u8] = b"mimetypeapplication/vnd.oasis.opendocument.text";
const ODT_TEMPLATE: &[u8] = b"mimetypeapplication/vnd.oasis.opendocument.text-";
