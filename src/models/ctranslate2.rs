//! A CTranslate2 `model.bin`, opened: which variables it has, and where in the file they lie.
//!
//! All sizes are checked against the file when it is opened; the weights themselves stay on disk until they are copied. It does not
//! know what the variables mean.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom};

use super::convert::Refused;

/// Of the file format; CTranslate2 3 and 4 write it.
const VERSION: u32 = 6;

pub struct Weights<R> {
    file: R,
    variables: BTreeMap<String, Variable>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Outermost first.
    pub shape: Vec<u32>,
    pub span: Span,
}

/// Elements that lie one behind the other in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub kind: Kind,
    /// From the beginning of the file, in bytes.
    pub offset: u64,
    pub bytes: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    F32,
    I8,
    I16,
    I32,
    F16,
}

impl Kind {
    fn of(code: u8) -> Result<Kind, Refused> {
        match code {
            0 => Ok(Kind::F32),
            1 => Ok(Kind::I8),
            2 => Ok(Kind::I16),
            3 => Ok(Kind::I32),
            4 => Ok(Kind::F16),
            other => Err(Refused::malformed(format!("element type {other} is not known"))),
        }
    }

    /// In bytes.
    fn size(self) -> u64 {
        match self {
            Kind::I8 => 1,
            Kind::I16 | Kind::F16 => 2,
            Kind::F32 | Kind::I32 => 4,
        }
    }
}

impl<R: Read + Seek> Weights<R> {
    /// Reads the index. `specification` is what the file must say it is.
    pub fn open(mut file: R, specification: &str) -> Result<Weights<R>, Refused> {
        let length = file.seek(SeekFrom::End(0))?;
        file.rewind()?;
        let version = u32(&mut file)?;
        if version != VERSION {
            return Err(Refused::malformed(format!(
                "version {version} of CTranslate2's files is not known"
            )));
        }
        let found = string(&mut file)?;
        if found != specification {
            return Err(Refused::malformed(format!("`{found}` instead of `{specification}`")));
        }
        let _revision = u32(&mut file)?;
        let count = u32(&mut file)?;
        let mut variables = BTreeMap::new();
        for _ in 0..count {
            let name = string(&mut file)?;
            let variable = variable(&mut file, length).map_err(|refused| refused.about(&name))?;
            variables.insert(name, variable);
        }
        Ok(Weights { file, variables })
    }

    pub fn variable(&self, name: &str) -> Result<&Variable, Refused> {
        self.variables
            .get(name)
            .ok_or_else(|| Refused::malformed(format!("no variable `{name}`")))
    }

    /// How many of `{prefix}0`, `{prefix}1`, … have variables.
    pub fn layers(&self, prefix: &str) -> u32 {
        let has = |layer: &u32| {
            let start = format!("{prefix}{layer}/");
            self.variables
                .range(start.clone()..)
                .next()
                .is_some_and(|(name, _)| name.starts_with(&start))
        };
        // Every layer has a variable of its own, so that this ends.
        (0..).take_while(has).count().try_into().unwrap_or(u32::MAX)
    }

    /// Hands the bytes of `span` to `take` in pieces that hold whole elements.
    pub fn copy(&mut self, span: Span, mut take: impl FnMut(&[u8]) -> Result<(), Refused>) -> Result<(), Refused> {
        self.file.seek(SeekFrom::Start(span.offset))?;
        let mut buffer = vec![0; 1 << 16];
        let mut left = span.bytes;
        while left > 0 {
            let want = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let piece = buffer.get_mut(..want).unwrap_or_default();
            exact(&mut self.file, piece)?;
            take(piece)?;
            left = left.saturating_sub(want as u64);
        }
        Ok(())
    }
}

impl Variable {
    /// The `part`th of `parts` equal stacks of rows.
    pub fn stack(&self, part: u32, parts: u32) -> Result<Variable, Refused> {
        let uneven = || Refused::malformed(format!("shape {:?} is not {parts} stacks", self.shape));
        let (rows, rest) = self.shape.split_first().ok_or_else(uneven)?;
        if parts == 0 || part >= parts || rows % parts != 0 {
            return Err(uneven());
        }
        let bytes = self.span.bytes / u64::from(parts);
        let shape = std::iter::once(rows / parts).chain(rest.iter().copied()).collect();
        // Inside the variable, which is inside the file: no overflow.
        let offset = self.span.offset.saturating_add(bytes.saturating_mul(u64::from(part)));
        Ok(Variable {
            shape,
            span: Span {
                offset,
                bytes,
                ..self.span
            },
        })
    }
}

/// The head of a variable; the file is left behind its data.
fn variable(file: &mut (impl Read + Seek), length: u64) -> Result<Variable, Refused> {
    let [rank] = array(file)?;
    let shape = (0..rank).map(|_| u32(file)).collect::<Result<Vec<_>, _>>()?;
    let [code] = array(file)?;
    let kind = Kind::of(code)?;
    let bytes = u64::from(u32(file)?);
    let elements = shape
        .iter()
        .try_fold(1u64, |product, dim| product.checked_mul(u64::from(*dim)));
    if elements.and_then(|elements| elements.checked_mul(kind.size())) != Some(bytes) {
        return Err(Refused::malformed(format!(
            "shape {shape:?} of {kind:?} does not fill {bytes} bytes"
        )));
    }
    let offset = file.stream_position()?;
    let end = offset.checked_add(bytes).filter(|end| *end <= length);
    let end = end.ok_or_else(|| Refused::malformed("the file ends too early".to_owned()))?;
    file.seek(SeekFrom::Start(end))?;
    Ok(Variable {
        shape,
        span: Span { kind, offset, bytes },
    })
}

/// u16 length, bytes, ended by NUL.
fn string(file: &mut impl Read) -> Result<String, Refused> {
    let mut bytes = vec![0; usize::from(u16::from_le_bytes(array(file)?))];
    exact(file, &mut bytes)?;
    while bytes.last() == Some(&0) {
        bytes.pop();
    }
    String::from_utf8(bytes).map_err(|_| Refused::malformed("a name is not text".to_owned()))
}

fn u32(file: &mut impl Read) -> Result<u32, Refused> {
    Ok(u32::from_le_bytes(array(file)?))
}

fn array<const N: usize>(file: &mut impl Read) -> Result<[u8; N], Refused> {
    let mut bytes = [0; N];
    exact(file, &mut bytes)?;
    Ok(bytes)
}

fn exact(file: &mut impl Read, bytes: &mut [u8]) -> Result<(), Refused> {
    file.read_exact(bytes).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => Refused::malformed("the file ends too early".to_owned()),
        _ => Refused::Io(error),
    })
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use proptest::prelude::*;

    const EMPTY: &[u8] = b"\x06\0\0\0\x05\0Spec\0\x03\0\0\0\0\0\0\0";

    fn one_variable(head: &[u8], data: &[u8]) -> Vec<u8> {
        let mut file = EMPTY.to_vec();
        file[15] = 1;
        file.extend_from_slice(b"\x02\0a\0");
        file.extend_from_slice(head);
        file.extend_from_slice(data);
        file
    }

    #[test]
    fn a_variable_is_found_where_it_lies() {
        let bytes = one_variable(&[2, 4, 0, 0, 0, 1, 0, 0, 0, 4, 8, 0, 0, 0], b"aabbccdd");
        let mut weights = Weights::open(Cursor::new(bytes), "Spec").unwrap();
        let variable = weights.variable("a").unwrap().clone();
        assert_eq!(variable.shape, [4, 1]);
        let second = variable.stack(1, 2).unwrap();
        assert_eq!((second.shape.as_slice(), second.span.bytes), (&[2, 1][..], 4));
        let mut read = Vec::new();
        weights
            .copy(second.span, |piece| {
                read.extend_from_slice(piece);
                Ok(())
            })
            .unwrap();
        assert_eq!(read, b"ccdd");
        assert!(variable.stack(0, 3).is_err());
        assert!(variable.stack(2, 2).is_err());
    }

    #[test]
    fn a_file_that_contradicts_itself_is_refused_with_its_reason() {
        let mut other_version = EMPTY.to_vec();
        other_version[0] = 5;
        let cases: [(&[u8], &str); 7] = [
            (b"", "ends too early"),
            (&other_version, "version 5"),
            (b"\x06\0\0\0\x03\0Abc\0\0\0\0\0\0\0\0", "`Abc` instead of `Spec`"),
            (&one_variable(&[1, 4, 0, 0, 0, 9, 8, 0, 0, 0], b""), "a: element type 9"),
            (
                &one_variable(&[1, 4, 0, 0, 0, 4, 9, 0, 0, 0], b""),
                "does not fill 9 bytes",
            ),
            (
                &one_variable(&[1, 4, 0, 0, 0, 4, 8, 0, 0, 0], b"short"),
                "a: the file ends too early",
            ),
            (
                &one_variable(&[2, 255, 255, 255, 255, 255, 255, 255, 255, 0, 8, 0, 0, 0], b""),
                "does not fill",
            ),
        ];
        for (bytes, wanted) in cases {
            let refused = Weights::open(Cursor::new(bytes), "Spec").err().unwrap().to_string();
            assert!(refused.contains(wanted), "{refused} has no {wanted}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_opened_or_refused(tail: Vec<u8>, whole: bool) {
            let bytes = match whole { true => tail, false => one_variable(&tail, &[]) };
            let _ = Weights::open(Cursor::new(bytes), "Spec");
        }
    }
}
