//! All rows, read from the folder of this crate.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::{Case, Configuration, Tenant, consistency};

/// The rows, the configurations that they name, and the tenants.
#[derive(Clone, Debug)]
pub struct Corpus {
    files: Vec<(String, Vec<Case>)>,
    configurations: BTreeMap<String, Configuration>,
    tenants: Vec<Tenant>,
}

/// A corpus that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CorpusError {
    /// A file that cannot be read.
    #[error("read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file that is no TOML, or has a key that no row has.
    #[error("parse `{}`", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where, and why.
        source: toml::de::Error,
    },
    /// Rows that contradict themselves or each other, one on a line.
    #[error("the corpus is inconsistent:\n{problems}")]
    Inconsistent {
        /// The rows, and what is wrong with them.
        problems: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseFile {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TenantsFile {
    tenants: Vec<Tenant>,
}

impl Corpus {
    /// Reads all files, and checks that no row contradicts itself.
    ///
    /// # Errors
    ///
    /// A file that cannot be read; an unknown key; a name that two rows have; a configuration that no row names or that
    /// does not exist; a row whose outcome its access policy or its configuration cannot have.
    pub fn load() -> Result<Self, CorpusError> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let cases = folder.join("cases");
        let read_error = |source| CorpusError::Read {
            path: cases.clone(),
            source,
        };
        let mut paths = BTreeSet::new();
        for entry in fs::read_dir(&cases).map_err(read_error)? {
            paths.insert(entry.map_err(read_error)?.path());
        }
        let mut files = Vec::new();
        for path in paths {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            files.push((name, read::<CaseFile>(&path)?.case));
        }
        let corpus = Self {
            files,
            configurations: read(&folder.join("configurations.toml"))?,
            tenants: read::<TenantsFile>(&folder.join("tenants.toml"))?.tenants,
        };
        let problems = consistency::problems(&corpus);
        if problems.is_empty() {
            Ok(corpus)
        } else {
            let problems = problems.join("\n");
            Err(CorpusError::Inconsistent { problems })
        }
    }

    /// Rows from text, unchecked, under the committed configurations.
    #[cfg(test)]
    pub(crate) fn of_rows(text: &str) -> Self {
        let mut corpus = Self::load().unwrap();
        corpus.files = vec![(String::new(), Self::parse_rows(text).unwrap())];
        corpus
    }

    #[cfg(test)]
    pub(crate) fn parse_rows(text: &str) -> Result<Vec<Case>, toml::de::Error> {
        toml::from_str::<CaseFile>(text).map(|file| file.case)
    }

    /// All rows, file by file.
    pub fn cases(&self) -> impl Iterator<Item = &Case> {
        self.files.iter().flat_map(|(_, cases)| cases)
    }

    /// The files' names, and their rows.
    pub fn files(&self) -> impl Iterator<Item = (&str, &[Case])> {
        self.files.iter().map(|(name, cases)| (name.as_str(), cases.as_slice()))
    }

    /// The configurations by name.
    #[must_use]
    pub const fn configurations(&self) -> &BTreeMap<String, Configuration> {
        &self.configurations
    }

    /// The tenants that are there under every configuration.
    #[must_use]
    pub fn tenants(&self) -> &[Tenant] {
        &self.tenants
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T, CorpusError> {
    let text = fs::read_to_string(path).map_err(|source| CorpusError::Read {
        path: path.to_owned(),
        source,
    })?;
    toml::from_str(&text).map_err(|source| CorpusError::Parse {
        path: path.to_owned(),
        source,
    })
}
