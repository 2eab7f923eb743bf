//! `models/models.yaml`, read and checked.
//!
//! It knows what a model is and where it may come from, and nothing of disks and networks.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::Deserialize;

use super::sha256::Digest;

/// Every model that may run on this machine, in the order they are pulled.
#[derive(Clone, Debug)]
pub struct Manifest {
    models: Vec<Model>,
}

impl Manifest {
    /// The list that is part of the program.
    pub fn embedded() -> &'static Manifest {
        static EMBEDDED: OnceLock<Manifest> = OnceLock::new();
        EMBEDDED.get_or_init(|| {
            Manifest::parse(include_str!("../../models/models.yaml"), std::env::consts::ARCH)
                .expect("the list in the program is checked by a test")
        })
    }

    pub fn models(&self) -> &[Model] {
        &self.models
    }

    pub fn named(&self, name: &str) -> Option<&Model> {
        self.models.iter().find(|model| model.name == name)
    }

    pub(super) fn of_file(&self, file: &str) -> Option<&Model> {
        self.models.iter().find(|model| model.file == file)
    }

    /// Of several entries of one name, the one for `arch` (as [`std::env::consts::ARCH`] has it) is kept.
    pub(super) fn parse(yaml: &str, arch: &str) -> Result<Manifest, String> {
        let raw: RawManifest = serde_saphyr::from_str(yaml).map_err(|error| error.to_string())?;
        let mut packages = BTreeMap::new();
        for (id, package) in raw.packages {
            packages.insert(id.clone(), package.checked(id)?);
        }
        let mut models: Vec<Model> = Vec::new();
        for model in raw.models {
            if model.arch.as_deref().is_some_and(|wanted| wanted != arch) {
                continue;
            }
            let model = model.checked(&packages)?;
            if models
                .iter()
                .any(|other| other.name == model.name || other.file == model.file)
            {
                return Err(format!(
                    "two models are named `{}` or lie in `{}`",
                    model.name, model.file
                ));
            }
            models.push(model);
        }
        Ok(Manifest { models })
    }
}

#[derive(Clone, Debug)]
pub struct Model {
    /// What `offhook models pull` calls it.
    pub name: String,
    pub purpose: String,
    /// Its name in the cache.
    pub file: String,
    pub bytes: u64,
    /// Of the file as it comes out of packages; a hub's own form may have another.
    pub sha256: Digest,
    /// SPDX identifier.
    pub licence: String,
    pub wanted: Wanted,
    pub(super) sources: Vec<Source>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Pulled when no model is named.
    ByDefault,
    /// Pulled only by name.
    ByName,
}

impl Model {
    pub(super) fn accepts(&self, digest: Digest) -> bool {
        self.sha256 == digest || self.sources.iter().any(|source| source.sha256(self) == digest)
    }
}

#[derive(Clone, Debug)]
pub(super) enum Source {
    /// A file as it is, with the checksum it has there.
    Url { url: String, sha256: Option<Digest> },
    /// Members of packages, one behind the other.
    Join(Vec<Part>),
    /// A CTranslate2 file to be converted.
    Whisper(WhisperParts),
}

impl Source {
    pub fn sha256(&self, model: &Model) -> Digest {
        match self {
            Source::Url { sha256, .. } => sha256.unwrap_or(model.sha256),
            Source::Join(_) | Source::Whisper(_) => model.sha256,
        }
    }

    /// Of a conversion, the weights, then the mel filters, then the vocabulary.
    pub fn parts(&self) -> Vec<&Part> {
        match self {
            Source::Url { .. } => Vec::new(),
            Source::Join(parts) => parts.iter().collect(),
            Source::Whisper(parts) => parts
                .weights
                .iter()
                .chain([&parts.mel_filters, &parts.vocabulary])
                .collect(),
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct WhisperParts {
    /// Joined, a `model.bin`.
    pub weights: Vec<Part>,
    /// An `.npz` with `mel_80`.
    pub mel_filters: Part,
    /// A `.tiktoken`.
    pub vocabulary: Part,
}

#[derive(Clone, Debug)]
pub(super) struct Part {
    pub package: Package,
    /// Path of a file inside the package.
    pub member: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Package {
    /// Also the name of its folder while a pull is at work.
    pub id: String,
    pub client: Client,
    /// Of the package, packed; only a progress bar relies on it.
    pub bytes: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Client {
    /// `NAME==VERSION`, and the platform tag where the wheel has machine code.
    Pip {
        requirement: String,
        platform: Option<String>,
    },
    /// `NAME@VERSION`
    Npm { package: String },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawManifest {
    packages: BTreeMap<String, RawPackage>,
    models: Vec<RawModel>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPackage {
    pip: Option<String>,
    npm: Option<String>,
    platform: Option<String>,
    bytes: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawModel {
    name: String,
    purpose: String,
    arch: Option<String>,
    #[serde(default)]
    optional: bool,
    file: String,
    bytes: u64,
    sha256: String,
    licence: String,
    sources: Vec<RawSource>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSource {
    url: Option<String>,
    sha256: Option<String>,
    join: Option<Vec<RawPart>>,
    whisper: Option<RawWhisper>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawWhisper {
    weights: Vec<RawPart>,
    mel_filters: RawPart,
    vocabulary: RawPart,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPart {
    package: String,
    member: String,
}

/// May be the name of a file in the cache, and of nothing outside it.
fn plain_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    !name.is_empty() && !name.starts_with('.') && name.bytes().all(plain)
}

impl RawPackage {
    fn checked(self, id: String) -> Result<Package, String> {
        if !plain_name(&id) {
            return Err(format!("package `{id}`: letters, digits, `.`, `-` and `_` only"));
        }
        let client = match (self.pip, self.npm, self.platform) {
            (Some(requirement), None, platform) if requirement.contains("==") => Client::Pip { requirement, platform },
            (None, Some(package), None) if package.contains('@') => Client::Npm { package },
            (..) => {
                return Err(format!(
                    "package `{id}`: `pip: NAME==VERSION` or `npm: NAME@VERSION` is expected"
                ));
            }
        };
        Ok(Package {
            id,
            client,
            bytes: self.bytes,
        })
    }
}

impl RawModel {
    fn checked(self, packages: &BTreeMap<String, Package>) -> Result<Model, String> {
        let name = self.name;
        let wrong = |what: &str| format!("model `{name}`: {what}");
        if !plain_name(&self.file) {
            return Err(wrong("`file` has letters, digits, `.`, `-` and `_` only"));
        }
        if self.sources.is_empty() {
            return Err(wrong("no source"));
        }
        let sha256 = self
            .sha256
            .parse()
            .map_err(|error| format!("model `{name}`: {error}"))?;
        let mut sources = Vec::new();
        for source in self.sources {
            sources.push(source.checked(packages).map_err(|what| wrong(&what))?);
        }
        let wanted = match self.optional {
            true => Wanted::ByName,
            false => Wanted::ByDefault,
        };
        let (purpose, file, bytes, licence) = (self.purpose, self.file, self.bytes, self.licence);
        Ok(Model {
            name,
            purpose,
            file,
            bytes,
            sha256,
            licence,
            wanted,
            sources,
        })
    }
}

impl RawSource {
    fn checked(self, packages: &BTreeMap<String, Package>) -> Result<Source, String> {
        let part = |raw: RawPart| -> Result<Part, String> {
            let package = packages
                .get(&raw.package)
                .ok_or_else(|| format!("no package `{}`", raw.package))?;
            Ok(Part {
                package: package.clone(),
                member: raw.member,
            })
        };
        match (self.url, self.sha256, self.join, self.whisper) {
            (Some(url), sha256, None, None) => {
                let sha256 = sha256.map(|text| text.parse()).transpose();
                Ok(Source::Url {
                    url,
                    sha256: sha256.map_err(|error| format!("{error}"))?,
                })
            }
            (None, None, Some(parts), None) if !parts.is_empty() => {
                Ok(Source::Join(parts.into_iter().map(part).collect::<Result<_, _>>()?))
            }
            (None, None, None, Some(raw)) if !raw.weights.is_empty() => Ok(Source::Whisper(WhisperParts {
                weights: raw.weights.into_iter().map(part).collect::<Result<_, _>>()?,
                mel_filters: part(raw.mel_filters)?,
                vocabulary: part(raw.vocabulary)?,
            })),
            (..) => Err("a source is one of `url`, `join` and `whisper`".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_in_the_program_is_sound_and_has_what_the_program_names() {
        for arch in ["x86_64", "aarch64"] {
            let manifest = Manifest::parse(include_str!("../../models/models.yaml"), arch).unwrap();
            let found: Vec<&str> = manifest.models().iter().map(|model| model.file.as_str()).collect();
            let named = [
                super::super::WHISPER,
                super::super::ONNXRUNTIME,
                super::super::SILERO_VAD,
                super::super::SMART_TURN,
                super::super::MINILM,
                super::super::MINILM_PIECES,
                super::super::PIPER_EN,
                super::super::PIPER_EN_CONFIG,
                super::super::KOKORO,
                super::super::KOKORO_VOCAB,
                super::super::KOKORO_ZF_XIAOXIAO,
                super::super::KOKORO_ZM_YUNXI,
                super::super::KOKORO_AF_HEART,
            ];
            assert_eq!(found, named, "{arch}");
        }
    }

    #[test]
    fn no_model_waits_to_be_named() {
        let by_name = |model: &&Model| model.wanted == Wanted::ByName;
        let names: Vec<_> = Manifest::embedded()
            .models()
            .iter()
            .filter(by_name)
            .map(|model| &model.name)
            .collect();
        assert!(names.is_empty(), "{names:?}");
    }

    #[test]
    fn mistakes_are_refused_with_their_name() {
        let yaml = |package: &str, file: &str, source: &str| {
            let sha = "0".repeat(64);
            format!(
                "packages: {{ p: {{ {package}, bytes: 1 }} }}\nmodels:\n- {{ name: m, purpose: x, file: {file}, bytes: 1, \
                 sha256: '{sha}', licence: MIT, sources: [{{ {source} }}] }}\n"
            )
        };
        let pip = "pip: a==1";
        let join = "join: [{ package: p, member: a }]";
        assert!(Manifest::parse(&yaml(pip, "f", join), "any").is_ok());
        let refused = [
            (yaml("pip: a", "f", join), "NAME==VERSION"),
            (yaml("pip: a==1, npm: b@2", "f", join), "package `p`"),
            (yaml("pip: a==1, colour: red", "f", join), "colour"),
            (yaml(pip, "../f", join), "model `m`: `file`"),
            (yaml(pip, ".f", join), "model `m`: `file`"),
            (yaml(pip, "f", "join: [{ package: q, member: a }]"), "no package `q`"),
            (yaml(pip, "f", "join: []"), "one of `url`"),
            (yaml(pip, "f", &format!("url: u, {join}")), "one of `url`"),
            (yaml(pip, "f", "url: u, sha256: 12"), "no SHA-256"),
        ];
        for (yaml, wanted) in refused {
            let error = Manifest::parse(&yaml, "any").unwrap_err();
            assert!(error.contains(wanted), "{error} has no {wanted}");
        }
    }
}
