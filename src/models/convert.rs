//! Whisper weights from CTranslate2's form into ggml's, the one whisper.cpp reads.
//!
//! Exact: 16-bit weights are copied, never rounded; only what ggml keeps in 32 bits is widened. A tensor at a time passes through a
//! small buffer, so that memory does not grow with the model.

use std::io::{self, Read, Seek, Write};

use half::f16;

use super::assets::MelFilters;
use super::ctranslate2::{Kind, Span, Variable, Weights};

/// "ggml"
const MAGIC: i32 = 0x6767_6d6c;
/// Numbers in one attention head, the same in every Whisper.
const HEAD: u32 = 64;

#[derive(Debug, thiserror::Error)]
pub enum Refused {
    #[error("{0}")]
    Malformed(String),
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Refused {
    pub fn malformed(reason: String) -> Refused {
        Refused::Malformed(reason)
    }

    pub fn about(self, name: &str) -> Refused {
        match self {
            Refused::Malformed(reason) => Refused::Malformed(format!("{name}: {reason}")),
            Refused::Io(error) => Refused::Io(error),
        }
    }
}

/// `weights` is a `model.bin` of float16. Everything is checked before the first byte is written.
pub fn whisper(
    weights: impl Read + Seek,
    filters: &MelFilters,
    tokens: &[Vec<u8>],
    out: &mut impl Write,
) -> Result<(), Refused> {
    let mut weights = Weights::open(weights, "WhisperSpec")?;
    let sizes = Sizes::of(&weights)?;
    if sizes.mels != filters.rows {
        return Err(Refused::malformed(format!(
            "{} mel filters, and the model has {}",
            filters.rows, sizes.mels
        )));
    }
    if u32::try_from(tokens.len()).is_ok_and(|tokens| tokens > sizes.vocabulary) {
        return Err(Refused::malformed(format!(
            "{} tokens, and the model has {}",
            tokens.len(),
            sizes.vocabulary
        )));
    }
    let mut layout = Layout {
        weights: &weights,
        tensors: Vec::new(),
        zeros: Vec::new(),
    };
    layout.encoder(sizes.audio_layers)?;
    layout.decoder(sizes.text_layers)?;
    let Layout { tensors, zeros, .. } = layout;
    for span in zeros {
        weights.copy(span, |piece| match piece.iter().all(|byte| *byte == 0) {
            true => Ok(()),
            false => Err(Refused::malformed(
                "a key's bias is not zero, and ggml has no place for it".to_owned(),
            )),
        })?;
    }
    sizes.write(out)?;
    numbers(out, &[filters.rows, filters.columns])?;
    out.write_all(&filters.values)?;
    numbers(out, &[length(tokens)?])?;
    for token in tokens {
        numbers(out, &[length(token)?])?;
        out.write_all(token)?;
    }
    for tensor in tensors {
        tensor.write(&mut weights, out)?;
    }
    Ok(())
}

/// The head of a ggml file.
struct Sizes {
    vocabulary: u32,
    audio_context: u32,
    audio_state: u32,
    audio_layers: u32,
    text_context: u32,
    text_state: u32,
    text_layers: u32,
    mels: u32,
}

impl Sizes {
    fn of<R: Read + Seek>(weights: &Weights<R>) -> Result<Sizes, Refused> {
        let table = |name: &str| -> Result<(u32, u32), Refused> {
            match weights.variable(name)?.shape.as_slice() {
                &[rows, columns] if rows > 0 && columns > 0 && columns % HEAD == 0 => Ok((rows, columns)),
                shape => Err(Refused::malformed(format!(
                    "{name}: shape {shape:?} is no table of {HEAD}s"
                ))),
            }
        };
        let (vocabulary, text_state) = table("decoder/embeddings/weight")?;
        let (audio_context, audio_state) = table("encoder/position_encodings/encodings")?;
        let (text_context, _) = table("decoder/position_encodings/encodings")?;
        let mels = match weights.variable("encoder/conv1/weight")?.shape.as_slice() {
            &[_, mels, _] => mels,
            shape => return Err(Refused::malformed(format!("encoder/conv1/weight: shape {shape:?}"))),
        };
        let (audio_layers, text_layers) = (weights.layers("encoder/layer_"), weights.layers("decoder/layer_"));
        Ok(Sizes {
            vocabulary,
            audio_context,
            audio_state,
            audio_layers,
            text_context,
            text_state,
            text_layers,
            mels,
        })
    }

    fn write(&self, out: &mut impl Write) -> Result<(), Refused> {
        out.write_all(&MAGIC.to_le_bytes())?;
        numbers(out, &[self.vocabulary])?;
        numbers(
            out,
            &[
                self.audio_context,
                self.audio_state,
                self.audio_state / HEAD,
                self.audio_layers,
            ],
        )?;
        numbers(
            out,
            &[
                self.text_context,
                self.text_state,
                self.text_state / HEAD,
                self.text_layers,
            ],
        )?;
        numbers(out, &[self.mels, Form::Half.code()])
    }
}

/// Which tensors there will be, in the order they are written.
struct Layout<'a, R> {
    weights: &'a Weights<R>,
    tensors: Vec<Tensor>,
    /// What is left out, and may be only if it is zero.
    zeros: Vec<Span>,
}

impl<R: Read + Seek> Layout<'_, R> {
    fn encoder(&mut self, layers: u32) -> Result<(), Refused> {
        self.whole("encoder.positional_embedding", "encoder/position_encodings/encodings")?;
        for conv in ["conv1", "conv2"] {
            self.linear(&format!("encoder.{conv}"), &format!("encoder/{conv}"))?;
        }
        for layer in 0..layers {
            let (to, from) = (format!("encoder.blocks.{layer}"), format!("encoder/layer_{layer}"));
            self.attention(&to, &from)?;
            self.feed_forward(&to, &from)?;
        }
        self.norm("encoder.ln_post", "encoder/layer_norm")
    }

    fn decoder(&mut self, layers: u32) -> Result<(), Refused> {
        self.whole("decoder.positional_embedding", "decoder/position_encodings/encodings")?;
        self.whole("decoder.token_embedding.weight", "decoder/embeddings/weight")?;
        for layer in 0..layers {
            let (to, from) = (format!("decoder.blocks.{layer}"), format!("decoder/layer_{layer}"));
            self.attention(&to, &from)?;
            self.cross_attention(&to, &from)?;
            self.feed_forward(&to, &from)?;
        }
        self.norm("decoder.ln", "decoder/layer_norm")
    }

    /// CTranslate2 stacks query, key and value.
    fn attention(&mut self, to: &str, from: &str) -> Result<(), Refused> {
        let (stacked, attn) = (format!("{from}/self_attention/linear_0"), format!("{to}.attn"));
        self.stack(&format!("{attn}.query.weight"), &format!("{stacked}/weight"), 0, 3)?;
        self.stack(&format!("{attn}.query.bias"), &format!("{stacked}/bias"), 0, 3)?;
        self.stack(&format!("{attn}.key.weight"), &format!("{stacked}/weight"), 1, 3)?;
        self.zero(&format!("{stacked}/bias"), 1, 3)?;
        self.stack(&format!("{attn}.value.weight"), &format!("{stacked}/weight"), 2, 3)?;
        self.stack(&format!("{attn}.value.bias"), &format!("{stacked}/bias"), 2, 3)?;
        self.linear(&format!("{attn}.out"), &format!("{from}/self_attention/linear_1"))?;
        self.norm(&format!("{to}.attn_ln"), &format!("{from}/self_attention/layer_norm"))
    }

    /// CTranslate2 stacks key and value; the query is the decoder's own.
    fn cross_attention(&mut self, to: &str, from: &str) -> Result<(), Refused> {
        let (stacked, attn) = (format!("{from}/attention/linear_1"), format!("{to}.cross_attn"));
        self.linear(&format!("{attn}.query"), &format!("{from}/attention/linear_0"))?;
        self.stack(&format!("{attn}.key.weight"), &format!("{stacked}/weight"), 0, 2)?;
        self.zero(&format!("{stacked}/bias"), 0, 2)?;
        self.stack(&format!("{attn}.value.weight"), &format!("{stacked}/weight"), 1, 2)?;
        self.stack(&format!("{attn}.value.bias"), &format!("{stacked}/bias"), 1, 2)?;
        self.linear(&format!("{attn}.out"), &format!("{from}/attention/linear_2"))?;
        self.norm(&format!("{to}.cross_attn_ln"), &format!("{from}/attention/layer_norm"))
    }

    fn feed_forward(&mut self, to: &str, from: &str) -> Result<(), Refused> {
        self.linear(&format!("{to}.mlp.0"), &format!("{from}/ffn/linear_0"))?;
        self.linear(&format!("{to}.mlp.2"), &format!("{from}/ffn/linear_1"))?;
        self.norm(&format!("{to}.mlp_ln"), &format!("{from}/ffn/layer_norm"))
    }

    fn linear(&mut self, to: &str, from: &str) -> Result<(), Refused> {
        self.whole(&format!("{to}.weight"), &format!("{from}/weight"))?;
        self.whole(&format!("{to}.bias"), &format!("{from}/bias"))
    }

    fn norm(&mut self, to: &str, from: &str) -> Result<(), Refused> {
        self.whole(&format!("{to}.weight"), &format!("{from}/gamma"))?;
        self.whole(&format!("{to}.bias"), &format!("{from}/beta"))
    }

    fn whole(&mut self, to: &str, from: &str) -> Result<(), Refused> {
        self.stack(to, from, 0, 1)
    }

    fn stack(&mut self, to: &str, from: &str, part: u32, parts: u32) -> Result<(), Refused> {
        let variable = self
            .weights
            .variable(from)?
            .stack(part, parts)
            .map_err(|refused| refused.about(from))?;
        self.tensors
            .push(Tensor::of(to, variable).map_err(|refused| refused.about(from))?);
        Ok(())
    }

    fn zero(&mut self, from: &str, part: u32, parts: u32) -> Result<(), Refused> {
        let variable = self
            .weights
            .variable(from)?
            .stack(part, parts)
            .map_err(|refused| refused.about(from))?;
        self.zeros.push(variable.span);
        Ok(())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Full,
    Half,
}

impl Form {
    fn code(self) -> u32 {
        match self {
            Form::Full => 0,
            Form::Half => 1,
        }
    }
}

struct Tensor {
    /// OpenAI's.
    name: String,
    /// Outermost first.
    shape: Vec<u32>,
    form: Form,
    span: Span,
}

impl Tensor {
    /// whisper.cpp wants in 32 bits whatever has one dimension, both positional embeddings, and the biases of the convolutions,
    /// which it wants as columns.
    fn of(name: &str, variable: Variable) -> Result<Tensor, Refused> {
        let mut shape: Vec<u32> = variable.shape.into_iter().filter(|dim| *dim != 1).collect();
        let form = match shape.len() < 2 || name.ends_with(".positional_embedding") {
            true => Form::Full,
            false => Form::Half,
        };
        if name == "encoder.conv1.bias" || name == "encoder.conv2.bias" {
            shape.push(1);
        }
        match (form, variable.span.kind) {
            (_, Kind::F16) | (Form::Full, Kind::F32) => {}
            (_, kind) => return Err(Refused::malformed(format!("{kind:?} where float16 is expected"))),
        }
        Ok(Tensor {
            name: name.to_owned(),
            shape,
            form,
            span: variable.span,
        })
    }

    fn write<R: Read + Seek>(&self, weights: &mut Weights<R>, out: &mut impl Write) -> Result<(), Refused> {
        numbers(
            out,
            &[length(&self.shape)?, length(self.name.as_bytes())?, self.form.code()],
        )?;
        for dim in self.shape.iter().rev() {
            numbers(out, &[*dim])?;
        }
        out.write_all(self.name.as_bytes())?;
        weights.copy(self.span, |piece| {
            match (self.span.kind, self.form) {
                (Kind::F16, Form::Full) => out.write_all(&wide(piece))?,
                _ => out.write_all(piece)?,
            }
            Ok(())
        })
    }
}

/// IEEE 754 binary32 holds every binary16.
fn wide(halves: &[u8]) -> Vec<u8> {
    let (halves, _) = halves.as_chunks::<2>();
    halves
        .iter()
        .flat_map(|half| f16::from_le_bytes(*half).to_f32().to_le_bytes())
        .collect()
}

fn length<T>(of: &[T]) -> Result<u32, Refused> {
    u32::try_from(of.len()).map_err(|_| Refused::malformed("too long".to_owned()))
}

/// ggml's numbers are i32; a size that does not fit one is refused.
fn numbers(out: &mut impl Write, numbers: &[u32]) -> Result<(), Refused> {
    for number in numbers {
        let number = i32::try_from(*number).map_err(|_| Refused::malformed(format!("{number} is too large")))?;
        out.write_all(&number.to_le_bytes())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
