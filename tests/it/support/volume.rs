//! Disks of a test's own: small ones in memory, and an ext4 image that can be copied while it is in use.
//!
//! Mounting needs root on Linux. Where it is not permitted there is no volume, and the test says that it was not tried.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A mounted file system; it goes when the test ends.
pub struct Volume {
    pub path: PathBuf,
    folder: tempfile::TempDir,
}

fn run(program: &str, arguments: &[&str]) -> bool {
    Command::new(program)
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path of text")
}

impl Volume {
    fn mounted(folder: tempfile::TempDir, kind: &[&str], source: &str) -> Option<Self> {
        let path = folder.path().join("mounted");
        std::fs::create_dir(&path).expect("a folder");
        let arguments = [kind, &[source, text(&path)]].concat();
        let mounted = run("mount", &arguments);
        mounted.then_some(Self { path, folder })
    }

    /// A disk in memory of so many KiB.
    pub fn in_memory(kib: u64) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let size = format!("size={kib}k");
        Self::mounted(folder, &["-t", "tmpfs", "-o", &size], "tmpfs")
    }

    /// An empty ext4 disk of so many MiB in an image.
    pub fn ext4(mib: u64) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let image = folder.path().join("image");
        let file = std::fs::File::create(&image).expect("an image");
        file.set_len(mib * 1024 * 1024).expect("its size");
        if !run("mkfs.ext4", &["-q", "-F", text(&image)]) {
            return None;
        }
        Self::mounted(folder, &["-o", "loop"], text(&image))
    }

    /// What a power cut at this moment would leave: a copy of the image, without what the file system still holds.
    pub fn cut(&self) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (from, to) = (
            self.folder.path().join("image"),
            folder.path().join("image"),
        );
        let copied = run("cp", &["--sparse=always", text(&from), text(&to)]);
        assert!(copied, "the image could not be copied");
        Self::mounted(folder, &["-o", "loop"], text(&to)).expect("a disk that mounts again")
    }

    /// Mounts it anew with other options, for instance `size=8m`, `ro` or `abort`.
    pub fn remount(&self, options: &str) -> bool {
        let options = format!("remount,{options}");
        run("mount", &["-o", &options, text(&self.path)])
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        // Lazily, because a server that was just killed may still hold a file.
        run("umount", &["-l", text(&self.path)]);
    }
}
