//! Answers: what do the nodes run, when there is no registry? Images that hold one program of this machine.
//!
//! Built by buildah from nothing, without any right of its own: files are copied. A program that wants shared libraries brings
//! those of this machine.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::NodeError;
use super::run;

/// What holds a pod's namespaces, and the tool box of workloads.
pub(super) const PAUSE: &str = "localhost/busybox:1";

/// Of Debian's busybox-static.
const BUSYBOX: &str = "/bin/busybox";

/// Of Debian's python3.
const PYTHON: &str = "/usr/bin/python3";

/// Why an image could not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// A file that belongs into it is missing.
    #[error("failed to put {} into an image", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// An image that the nodes shall have.
#[derive(Debug, Clone)]
pub struct Image {
    /// With its tag.
    name: String,
    content: Content,
}

#[derive(Debug, Clone)]
enum Content {
    /// Built already, as an OCI archive.
    Archive(PathBuf),
    /// Files and directories of this machine, each at its own path; the entry point; and links to make.
    Files {
        paths: Vec<PathBuf>,
        entrypoint: Vec<String>,
        links: Vec<(String, String)>,
    },
}

impl Image {
    /// An OCI archive that holds the image `name`.
    pub fn of_archive(name: impl Into<String>, archive: impl Into<PathBuf>) -> Self {
        Self {
            name: name.into(),
            content: Content::Archive(archive.into()),
        }
    }

    /// `<repository>:1`, which runs this program.
    pub fn of_program(repository: &str, program: impl Into<PathBuf>) -> Self {
        let program = program.into();
        let entrypoint = vec![program.display().to_string()];
        Self::of_files(&format!("{repository}:1"), vec![program], entrypoint)
    }

    /// Files and directories of this machine, each at its own path.
    pub fn of_files(name: &str, paths: Vec<PathBuf>, entrypoint: Vec<String>) -> Self {
        Self {
            name: name.to_owned(),
            content: Content::Files {
                paths,
                entrypoint,
                links: Vec::new(),
            },
        }
    }

    /// With one more name for a file in it.
    #[must_use]
    pub fn with_link(mut self, link: &str, target: &str) -> Self {
        if let Content::Files { links, .. } = &mut self.content {
            links.push((link.to_owned(), target.to_owned()));
        }
        self
    }

    /// This machine's Python, with its library, as `localhost/python:1`.
    pub fn python() -> Result<Self, ImageError> {
        let missing = |source| ImageError::Missing {
            path: PathBuf::from(PYTHON),
            source,
        };
        // A link to the newest one: `python3.13`.
        let program = fs::canonicalize(PYTHON).map_err(missing)?;
        let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let library = Path::new("/usr/lib").join(&name);
        let entrypoint = vec![program.display().to_string()];
        let image = Self::of_files("localhost/python:1", vec![program, library], entrypoint);
        Ok(image.with_link("/usr/bin/python", &name))
    }

    /// A shell, `wget`, `httpd`, `sleep` and so on, as `localhost/busybox:1`; it sleeps unless it is told what to do.
    pub(super) fn busybox() -> Self {
        let entrypoint = [BUSYBOX, "sleep", "infinity"].map(str::to_owned).to_vec();
        let image = Self::of_files(PAUSE, vec![PathBuf::from(BUSYBOX)], entrypoint);
        let applets = [
            "sh", "cat", "cp", "date", "echo", "httpd", "ls", "mkdir", "sleep", "wget",
        ];
        let link = |image: Self, applet: &str| image.with_link(&format!("/bin/{applet}"), BUSYBOX);
        applets.into_iter().fold(image, link)
    }
}

/// An image as a file.
#[derive(Debug)]
pub(super) struct Archive {
    path: PathBuf,
    name: String,
}

/// Builds what is not built yet, below `directory`.
pub(super) async fn archives(
    images: impl Iterator<Item = &Image>,
    directory: &Path,
) -> Result<Vec<Archive>, NodeError> {
    let mut archives = Vec::new();
    for (number, image) in images.enumerate() {
        let path = match &image.content {
            Content::Archive(path) => path.clone(),
            Content::Files { .. } => build(image, &directory.join(format!("image-{number}"))).await?,
        };
        let name = image.name.clone();
        archives.push(Archive { path, name });
    }
    Ok(archives)
}

/// Gives a containerd an image.
pub(super) async fn import(socket: &str, archive: &Archive) -> Result<(), NodeError> {
    let path = archive.path.display().to_string();
    let arguments = ["--address", socket, "--namespace", "k8s.io", "images", "import", &path];
    run("ctr", &arguments).await?;
    let name = format!("name=={}", archive.name);
    let listed = run(
        "ctr",
        &[
            "--address",
            socket,
            "--namespace",
            "k8s.io",
            "images",
            "list",
            "--quiet",
            &name,
        ],
    )
    .await?;
    if listed.trim().is_empty() {
        return Err(NodeError::Command {
            command: format!("ctr {}", arguments.join(" ")),
            said: format!("it has no image {}", archive.name),
        });
    }
    Ok(())
}

async fn build(image: &Image, directory: &Path) -> Result<PathBuf, NodeError> {
    let Content::Files {
        paths,
        entrypoint,
        links,
    } = &image.content
    else {
        unreachable!("an archive is not built");
    };
    let root = directory.join("root");
    for path in paths {
        copy(path, &root).await?;
    }
    // Of a directory the programs in it are not looked at.
    for library in libraries(paths.iter().filter(|path| path.is_file())).await? {
        copy(&library, &root).await?;
    }
    for (link, target) in links {
        let link = root.join(link.trim_start_matches('/'));
        fs::create_dir_all(link.parent().expect("a link lies in a directory"))?;
        symlink(target, link)?;
    }
    fs::create_dir_all(root.join("tmp"))?;
    let entrypoint = serde_json::json!(entrypoint);
    fs::write(
        directory.join("Dockerfile"),
        format!("FROM scratch\nCOPY root /\nENTRYPOINT {entrypoint}\n"),
    )?;
    pack(&image.name, directory).await
}

/// With storage of its own: the user's images are none of our business.
async fn pack(name: &str, directory: &Path) -> Result<PathBuf, NodeError> {
    let below = |name: &str| directory.join(name).display().to_string();
    let (storage, state) = (below("storage"), below("storage-state"));
    let store = ["--storage-driver", "vfs", "--root", &storage, "--runroot", &state];
    let (dockerfile, context) = (below("Dockerfile"), directory.display().to_string());
    let bud = [
        "bud",
        "--quiet",
        "--isolation",
        "chroot",
        "--file",
        &dockerfile,
        "--tag",
        name,
        &context,
    ];
    run("buildah", &[&store[..], &bud].concat()).await?;
    let archive = directory.join("image.tar");
    let destination = format!("oci-archive:{}:{name}", archive.display());
    run(
        "buildah",
        &[
            &store[..],
            &["push", "--quiet", "--disable-compression", name, &destination],
        ]
        .concat(),
    )
    .await?;
    fs::remove_dir_all(&storage)?;
    Ok(archive)
}

/// To the same path below `root`; what a link leads to, not the link.
async fn copy(path: &Path, root: &Path) -> Result<(), NodeError> {
    let target = root.join(path.strip_prefix("/").unwrap_or(path));
    let parent = target.parent().expect("a file lies in a directory");
    let missing = |source| ImageError::Missing {
        path: path.to_owned(),
        source,
    };
    fs::create_dir_all(parent).map_err(missing)?;
    if path.is_dir() {
        let (from, to) = (path.display().to_string(), parent.display().to_string());
        run("cp", &["--archive", "--dereference", &from, &to]).await?;
    } else {
        fs::copy(path, target).map_err(missing)?;
    }
    Ok(())
}

/// What the loader would load for these programs: the paths in the lines of `ldd`.
async fn libraries(programs: impl Iterator<Item = &PathBuf>) -> Result<Vec<PathBuf>, NodeError> {
    let mut libraries = Vec::new();
    for program in programs {
        // A static program has none, and ldd says so with an error.
        let listed = run("ldd", &[&program.display().to_string()]).await.unwrap_or_default();
        let words = listed.lines().flat_map(|line| line.split_whitespace());
        libraries.extend(words.filter(|word| word.starts_with('/')).map(PathBuf::from));
    }
    libraries.sort();
    libraries.dedup();
    Ok(libraries)
}
