//! A Whisper of one layer in each half, of 64 numbers a state, turned from one form into the other.

use std::collections::BTreeMap;
use std::io::Cursor;

use proptest::prelude::*;

use super::*;

const F16: u8 = 4;

struct Source {
    variables: BTreeMap<String, (Vec<u32>, u8, Vec<u8>)>,
}

impl Source {
    /// Every 16-bit element of a variable is the variable's number, so that one can be told from the other; biases that ggml has no
    /// place for are zero.
    fn tiny() -> Source {
        let mut shapes: Vec<(String, Vec<u32>)> = Vec::new();
        let mut add = |name: &str, shape: &[u32]| shapes.push((name.to_owned(), shape.to_vec()));
        add("decoder/embeddings/weight", &[3, 64]);
        add("decoder/position_encodings/encodings", &[2, 64]);
        add("encoder/position_encodings/encodings", &[4, 64]);
        add("encoder/conv1/weight", &[64, 2, 3]);
        add("encoder/conv1/bias", &[64]);
        add("encoder/conv2/weight", &[64, 64, 3]);
        add("encoder/conv2/bias", &[64]);
        for half in ["encoder", "decoder"] {
            for norm in [
                "layer_norm",
                "layer_0/self_attention/layer_norm",
                "layer_0/ffn/layer_norm",
            ] {
                add(&format!("{half}/{norm}/gamma"), &[64]);
                add(&format!("{half}/{norm}/beta"), &[64]);
            }
            for (linear, out, inner) in [
                ("self_attention/linear_0", 192, 64),
                ("self_attention/linear_1", 64, 64),
                ("ffn/linear_0", 256, 64),
                ("ffn/linear_1", 64, 256),
            ] {
                add(&format!("{half}/layer_0/{linear}/weight"), &[out, inner]);
                add(&format!("{half}/layer_0/{linear}/bias"), &[out]);
            }
        }
        for (linear, out) in [("linear_0", 64), ("linear_1", 128), ("linear_2", 64)] {
            add(&format!("decoder/layer_0/attention/{linear}/weight"), &[out, 64]);
            add(&format!("decoder/layer_0/attention/{linear}/bias"), &[out]);
        }
        add("decoder/layer_0/attention/layer_norm/gamma", &[64]);
        add("decoder/layer_0/attention/layer_norm/beta", &[64]);
        let mut variables = BTreeMap::new();
        for (number, (name, shape)) in (1u16..).zip(shapes) {
            let mut data = number.to_le_bytes().repeat(shape.iter().product::<u32>() as usize);
            if name.ends_with("self_attention/linear_0/bias") {
                data[128..256].fill(0);
            }
            if name.ends_with("/attention/linear_1/bias") {
                data[..128].fill(0);
            }
            variables.insert(name, (shape, F16, data));
        }
        Source { variables }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut file = 6u32.to_le_bytes().to_vec();
        string(&mut file, "WhisperSpec");
        file.extend_from_slice(&3u32.to_le_bytes());
        file.extend_from_slice(&u32::try_from(self.variables.len()).unwrap().to_le_bytes());
        for (name, (shape, kind, data)) in &self.variables {
            string(&mut file, name);
            file.push(u8::try_from(shape.len()).unwrap());
            shape.iter().for_each(|dim| file.extend_from_slice(&dim.to_le_bytes()));
            file.push(*kind);
            file.extend_from_slice(&u32::try_from(data.len()).unwrap().to_le_bytes());
            file.extend_from_slice(data);
        }
        file
    }

    fn number(&self, name: &str) -> [u8; 2] {
        *self.variables[name].2.last_chunk().unwrap()
    }
}

fn string(file: &mut Vec<u8>, text: &str) {
    file.extend_from_slice(&u16::try_from(text.len() + 1).unwrap().to_le_bytes());
    file.extend_from_slice(text.as_bytes());
    file.push(0);
}

fn filters() -> MelFilters {
    MelFilters {
        rows: 2,
        columns: 1,
        values: vec![0, 0, 0, 0, 0, 0, 128, 63],
    }
}

fn convert(weights: &[u8]) -> Result<Vec<u8>, Refused> {
    let mut out = Vec::new();
    whisper(
        Cursor::new(weights),
        &filters(),
        &[b"a".to_vec(), b"bc".to_vec()],
        &mut out,
    )
    .map(|()| out)
}

/// A ggml file as whisper.cpp reads it.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, bytes: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(bytes);
        self.0 = rest;
        taken
    }

    fn number(&mut self) -> usize {
        u32::from_le_bytes(self.take(4).try_into().unwrap()) as usize
    }

    fn numbers<const N: usize>(&mut self) -> [usize; N] {
        std::array::from_fn(|_| self.number())
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Found<'a> {
    name: &'a str,
    /// Innermost first, as in the file.
    dims: Vec<usize>,
    form: usize,
    data: &'a [u8],
}

fn tensors<'a>(reader: &mut Reader<'a>) -> Vec<Found<'a>> {
    let mut found = Vec::new();
    while !reader.0.is_empty() {
        let [rank, name, form] = reader.numbers();
        let dims: Vec<usize> = (0..rank).map(|_| reader.number()).collect();
        let name = str::from_utf8(reader.take(name)).unwrap();
        let data = reader.take(dims.iter().product::<usize>() * if form == 1 { 2 } else { 4 });
        found.push(Found { name, dims, form, data });
    }
    found
}

#[test]
fn the_head_tells_the_sizes_and_the_words() {
    let file = convert(&Source::tiny().bytes()).unwrap();
    let mut reader = Reader(&file);
    assert_eq!(reader.numbers(), [0x6767_6d6c, 3, 4, 64, 1, 1, 2, 64, 1, 1, 2, 1]);
    assert_eq!(reader.numbers(), [2, 1]);
    assert_eq!(reader.take(8), filters().values);
    assert_eq!(reader.numbers(), [2, 1]);
    assert_eq!(reader.take(1), b"a");
    assert_eq!(reader.numbers(), [2]);
    assert_eq!(reader.take(2), b"bc");
}

#[test]
fn each_tensor_is_what_it_was_under_the_name_it_had() {
    let source = Source::tiny();
    let file = convert(&source.bytes()).unwrap();
    let mut reader = Reader(&file);
    reader.take(12 * 4 + 2 * 4 + 8 + 4 + 4 + 1 + 4 + 2);
    let tensors = tensors(&mut reader);
    let of = |name: &str| tensors.iter().find(|tensor| tensor.name == name).unwrap();

    // Half: copied, the dimensions turned about.
    for (name, dims, from) in [
        (
            "decoder.token_embedding.weight",
            vec![64, 3],
            "decoder/embeddings/weight",
        ),
        ("encoder.conv1.weight", vec![3, 2, 64], "encoder/conv1/weight"),
        (
            "encoder.blocks.0.attn.query.weight",
            vec![64, 64],
            "encoder/layer_0/self_attention/linear_0/weight",
        ),
        (
            "encoder.blocks.0.attn.key.weight",
            vec![64, 64],
            "encoder/layer_0/self_attention/linear_0/weight",
        ),
        (
            "encoder.blocks.0.attn.out.weight",
            vec![64, 64],
            "encoder/layer_0/self_attention/linear_1/weight",
        ),
        (
            "encoder.blocks.0.mlp.0.weight",
            vec![64, 256],
            "encoder/layer_0/ffn/linear_0/weight",
        ),
        (
            "decoder.blocks.0.mlp.2.weight",
            vec![256, 64],
            "decoder/layer_0/ffn/linear_1/weight",
        ),
        (
            "decoder.blocks.0.cross_attn.query.weight",
            vec![64, 64],
            "decoder/layer_0/attention/linear_0/weight",
        ),
        (
            "decoder.blocks.0.cross_attn.value.weight",
            vec![64, 64],
            "decoder/layer_0/attention/linear_1/weight",
        ),
        (
            "decoder.blocks.0.cross_attn.out.weight",
            vec![64, 64],
            "decoder/layer_0/attention/linear_2/weight",
        ),
    ] {
        let data = source.number(from).repeat(dims.iter().product());
        assert_eq!(
            *of(name),
            Found {
                name,
                dims,
                form: 1,
                data: &data
            }
        );
    }
    // Full: widened.
    for (name, dims, from) in [
        (
            "encoder.positional_embedding",
            vec![64, 4],
            "encoder/position_encodings/encodings",
        ),
        (
            "decoder.positional_embedding",
            vec![64, 2],
            "decoder/position_encodings/encodings",
        ),
        ("encoder.conv2.bias", vec![1, 64], "encoder/conv2/bias"),
        (
            "encoder.blocks.0.attn.query.bias",
            vec![64],
            "encoder/layer_0/self_attention/linear_0/bias",
        ),
        (
            "decoder.blocks.0.attn.value.bias",
            vec![64],
            "decoder/layer_0/self_attention/linear_0/bias",
        ),
        (
            "decoder.blocks.0.cross_attn.value.bias",
            vec![64],
            "decoder/layer_0/attention/linear_1/bias",
        ),
        (
            "decoder.blocks.0.attn_ln.weight",
            vec![64],
            "decoder/layer_0/self_attention/layer_norm/gamma",
        ),
        (
            "decoder.blocks.0.cross_attn_ln.bias",
            vec![64],
            "decoder/layer_0/attention/layer_norm/beta",
        ),
        ("encoder.ln_post.bias", vec![64], "encoder/layer_norm/beta"),
        ("decoder.ln.weight", vec![64], "decoder/layer_norm/gamma"),
    ] {
        let number = f16::from_le_bytes(source.number(from)).to_f32();
        let data = number.to_le_bytes().repeat(dims.iter().product());
        assert_eq!(
            *of(name),
            Found {
                name,
                dims,
                form: 0,
                data: &data
            }
        );
    }
    assert!(tensors.iter().all(|tensor| !tensor.name.ends_with("key.bias")));
    // The encoder outside its block and the block, then the decoder, whose block has the 9 of the cross attention besides.
    assert_eq!(tensors.len(), 7 + 15 + 4 + 24);
}

#[test]
fn a_model_that_cannot_be_converted_exactly_is_refused() {
    let check = |change: &dyn Fn(&mut Source), wanted: &str| {
        let mut source = Source::tiny();
        change(&mut source);
        let refused = convert(&source.bytes()).unwrap_err().to_string();
        assert!(refused.contains(wanted), "{refused} has no {wanted}");
    };
    let data = |source: &mut Source, name: &str, shape: &[u32], kind: u8, bytes: usize| {
        source
            .variables
            .insert(name.to_owned(), (shape.to_vec(), kind, vec![0; bytes]));
    };
    check(
        &|source| drop(source.variables.remove("encoder/layer_norm/beta")),
        "no variable `encoder/layer_norm/beta`",
    );
    check(
        &|source| {
            source
                .variables
                .get_mut("decoder/layer_0/attention/linear_1/bias")
                .unwrap()
                .2
                .fill(1)
        },
        "not zero",
    );
    check(
        &|source| data(source, "decoder/embeddings/weight", &[3, 64], 1, 192),
        "I8 where float16",
    );
    check(
        &|source| data(source, "decoder/embeddings/weight", &[3, 64], 0, 768),
        "F32 where float16",
    );
    check(
        &|source| data(source, "decoder/embeddings/weight", &[3, 63], F16, 378),
        "no table of 64s",
    );
    check(
        &|source| data(source, "decoder/embeddings/weight", &[1, 64], F16, 128),
        "2 tokens, and the model has 1",
    );
    check(
        &|source| data(source, "encoder/conv1/weight", &[64, 3, 3], F16, 1152),
        "2 mel filters, and the model has 3",
    );
    check(
        &|source| data(source, "encoder/conv1/weight", &[64], F16, 128),
        "encoder/conv1/weight: shape [64]",
    );
    let stacked = "encoder/layer_0/self_attention/linear_0/weight";
    check(&|source| data(source, stacked, &[4, 64], F16, 512), "is not 3 stacks");
}

#[test]
fn halves_are_widened() {
    assert_eq!(
        wide(&[0x00, 0x3c, 0x00, 0xc0]),
        [1f32.to_le_bytes(), (-2f32).to_le_bytes()].concat()
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_are_converted_or_refused(bytes: Vec<u8>) {
        let _ = convert(&bytes);
    }

    #[test]
    fn a_damaged_file_is_converted_or_refused(changes: Vec<(prop::sample::Index, u8)>, cut: prop::sample::Index) {
        let mut bytes = Source::tiny().bytes();
        // The index is what is read with care; the weights are most of the bytes.
        for (at, byte) in changes {
            let at = at.index(bytes.len().min(4096));
            bytes[at] = byte;
        }
        let _ = convert(&bytes);
        bytes.truncate(cut.index(bytes.len()));
        prop_assert!(convert(&bytes).is_err());
    }
}
