//! Credentials for members: files `<namespace>.<name>` of one directory, so that nobody has the credential of another
//! namespace sent anywhere (design, section 4). The operator has no right to any Secret.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use autoscaler_members::{Compiled, Credential};

/// Longest credential in bytes.
const MAX_CREDENTIAL: u64 = 4096;

/// Why there is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum CredentialError {
    /// The operator was started without a directory.
    #[error("the profile needs the credential {name}, and the operator runs without --credentials-dir")]
    NoDirectory {
        /// As the profile names it.
        name: String,
    },
    /// There is no such file.
    #[error("the profile needs the credential {name}: there is no file {}", .path.display())]
    Missing {
        /// As the profile names it.
        name: String,
        /// Where it is looked for.
        path: PathBuf,
    },
    /// It cannot be read, or is none.
    #[error("failed to read the credential {}: {why}", .path.display())]
    Unusable {
        /// Where it is.
        path: PathBuf,
        /// A word or two, nothing of what it holds.
        why: String,
    },
}

/// The credential that a profile needs, read anew each time: it may have been rotated.
pub(super) async fn read(
    directory: Option<&Path>,
    namespace: &str,
    profile: &Compiled,
) -> Result<Option<Credential>, CredentialError> {
    let Some(rule) = profile.credential() else {
        return Ok(None);
    };
    let (name, is_optional) = (&rule.name, rule.optional.unwrap_or(false));
    let Some(directory) = directory else {
        let missing = CredentialError::NoDirectory { name: name.clone() };
        return if is_optional { Ok(None) } else { Err(missing) };
    };
    let path = directory.join(format!("{namespace}.{name}"));
    let unusable = |why: &str| CredentialError::Unusable {
        path: path.clone(),
        why: why.to_owned(),
    };
    match tokio::fs::metadata(&path).await {
        Ok(metadata) if metadata.len() > MAX_CREDENTIAL => return Err(unusable("it is too long")),
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound && is_optional => return Ok(None),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(CredentialError::Missing {
                name: name.clone(),
                path,
            });
        }
        Err(error) => return Err(unusable(&error.kind().to_string())),
    }
    let secret = tokio::fs::read(&path).await;
    let secret = secret.map_err(|error| unusable(&error.kind().to_string()))?;
    let credential = Credential::new(secret).map_err(|error| unusable(&error.to_string()))?;
    Ok(Some(credential))
}
