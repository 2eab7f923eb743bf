//! WAV files: recorded sound in, recordings of calls out.
//!
//! [`read`] takes any PCM WAV and gives 16 kHz mono. [`Recording`] writes a call, the caller on the left and the bot on the right.
//! Neither knows what a call is, and neither panics on a damaged file or a full disk.

use std::fs::File;
use std::io::{BufReader, BufWriter, Cursor, Read, Seek, Write};
use std::path::{Path, PathBuf};

use hound::{SampleFormat, WavReader, WavSpec, WavWriter};

use super::resample::{Resampler, convert};
use super::{Frame, SAMPLE_RATE};

/// A WAV file that cannot be read or written, and why. Its message begins with the file's name.
#[derive(Debug, thiserror::Error)]
#[error("{}: {what}", file.display())]
pub struct WavError {
    pub file: PathBuf,
    pub what: String,
}

impl WavError {
    fn new(file: &Path, what: impl Into<String>) -> WavError {
        WavError {
            file: file.to_owned(),
            what: what.into(),
        }
    }
}

/// Reads a PCM WAV (8, 16, 24 or 32 bit integers, or 32 bit floats; any rate, any number of channels) as 16 kHz mono.
/// Several channels are averaged. A file cut short, as by a crash, gives the sound it has.
pub fn read(file: &Path) -> Result<Vec<i16>, WavError> {
    let source = File::open(file).map_err(|error| WavError::new(file, format!("cannot be opened: {error}")))?;
    read_from(BufReader::new(source), file)
}

/// `samples`, 16 kHz mono, as a WAV file in memory.
pub fn mono(samples: &[i16]) -> Result<Vec<u8>, WavError> {
    mono_at(SAMPLE_RATE, samples)
}

/// As [`mono`], of another rate.
pub fn mono_at(sample_rate: u32, samples: &[i16]) -> Result<Vec<u8>, WavError> {
    let name = Path::new("utterance.wav");
    let wrong = |error: hound::Error| WavError::new(name, explain(&error));
    let spec = WavSpec {
        channels: 1,
        sample_rate,
        bits_per_sample: 16,
        sample_format: SampleFormat::Int,
    };
    let mut file = Cursor::new(Vec::with_capacity(2 * samples.len() + 64));
    let mut writer = WavWriter::new(&mut file, spec).map_err(wrong)?;
    for &sample in samples {
        writer.write_sample(sample).map_err(wrong)?;
    }
    writer.finalize().map_err(wrong)?;
    Ok(file.into_inner())
}

/// As [`read`], from anything that can be read; `name` is for the error.
pub fn read_from(source: impl Read, name: &Path) -> Result<Vec<i16>, WavError> {
    let reader = WavReader::new(source).map_err(|error| WavError::new(name, explain(&error)))?;
    let spec = reader.spec();
    let channels = usize::from(spec.channels);
    let mono = match (spec.sample_format, spec.bits_per_sample) {
        (SampleFormat::Int, bits @ (8 | 16 | 24 | 32)) => {
            let scale = 2f32.powi(16 - i32::from(bits));
            mix(
                reader
                    .into_samples::<i32>()
                    .map_while(Result::ok)
                    .map(|s| s as f32 * scale),
                channels,
            )
        }
        (SampleFormat::Float, 32) => mix(
            reader.into_samples::<f32>().map_while(Result::ok).map(|s| s * 32_768.0),
            channels,
        ),
        (format, bits) => {
            let what = format!("{bits}-bit {format:?} samples are not understood; 16-bit PCM is");
            return Err(WavError::new(name, what));
        }
    };
    convert(&mono, spec.sample_rate, SAMPLE_RATE).map_err(|error| WavError::new(name, error.to_string()))
}

/// What the bot said in the recording of a call, at 16 kHz: its right side.
pub fn read_bot(file: &Path) -> Result<Vec<i16>, WavError> {
    let reader = WavReader::open(file).map_err(|error| WavError::new(file, explain(&error)))?;
    let spec = reader.spec();
    if (spec.channels, spec.sample_format, spec.bits_per_sample) != (2, SampleFormat::Int, 16) {
        return Err(WavError::new(
            file,
            "not the recording of a call: that has two channels of 16 bits".to_owned(),
        ));
    }
    let samples = reader.into_samples::<i16>().map_while(Result::ok);
    let bot: Vec<i16> = samples.skip(1).step_by(2).collect();
    convert(&bot, spec.sample_rate, SAMPLE_RATE).map_err(|error| WavError::new(file, error.to_string()))
}

/// Averages interleaved channels.
fn mix(samples: impl Iterator<Item = f32>, channels: usize) -> Vec<i16> {
    let mut mono = Vec::new();
    let (mut sum, mut taken) = (0.0, 0);
    for sample in samples {
        sum += if sample.is_finite() { sample } else { 0.0 };
        taken += 1;
        if taken == channels {
            mono.push((sum / channels as f32).round() as i16); // saturates
            (sum, taken) = (0.0, 0);
        }
    }
    mono
}

fn explain(error: &hound::Error) -> String {
    match error {
        hound::Error::IoError(error) => format!("not a readable WAV file: {error}"),
        hound::Error::FormatError(what) => format!("not a WAV file: {what}"),
        hound::Error::Unsupported => "a WAV file, but not of PCM samples; 16-bit PCM is understood".to_owned(),
        other => format!("not a readable WAV file: {other}"),
    }
}

/// The sample rate of a recording. 8 kHz keeps all that the telephone carries, 16 kHz what the bot makes and hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rate {
    Narrow,
    Wide,
}

/// A stereo recording of a call in the making.
///
/// The header on disk is brought up to date every second, so that a process killed at any moment leaves a file that can be played up
/// to its last second. After an error nothing more is written and the error is returned again: the call goes on without it.
/// Writing blocks for as long as the disk does.
pub struct Recording<W: Write + Seek> {
    file: PathBuf,
    state: State<W>,
    /// The resamplers of the caller and the bot, for [`Rate::Narrow`].
    narrow: Option<(Resampler, Resampler)>,
    unflushed: u32,
    /// Bytes of samples so far. A WAV file's length field has 32 bits.
    bytes: u64,
}

enum State<W: Write + Seek> {
    Open(WavWriter<W>),
    Failed(String),
}

/// Frames between two updates of the header: one second.
const FLUSH_FRAMES: u32 = 50;

/// Where a recording ends by itself: 18 hours at 16 kHz.
const MAX_BYTES: u64 = u32::MAX as u64 - 1_024;

impl Recording<BufWriter<File>> {
    /// Creates the file; one that exists is replaced.
    pub fn create(file: &Path, rate: Rate) -> Result<Recording<BufWriter<File>>, WavError> {
        let sink = File::create(file).map_err(|error| WavError::new(file, format!("cannot be created: {error}")))?;
        Recording::new(BufWriter::new(sink), file, rate)
    }
}

impl<W: Write + Seek> Recording<W> {
    /// Records to anything that can be written; `name` is for errors.
    pub fn new(sink: W, name: &Path, rate: Rate) -> Result<Recording<W>, WavError> {
        let failed = |what: String| WavError::new(name, format!("cannot be written: {what}"));
        let (sample_rate, narrow) = match rate {
            Rate::Wide => (SAMPLE_RATE, None),
            Rate::Narrow => (8_000, Some((Resampler::narrowing(), Resampler::narrowing()))),
        };
        let spec = WavSpec {
            channels: 2,
            sample_rate,
            bits_per_sample: 16,
            sample_format: SampleFormat::Int,
        };
        let mut writer = WavWriter::new(sink, spec).map_err(|error| failed(error.to_string()))?;
        writer.flush().map_err(|error| failed(error.to_string()))?;
        Ok(Recording {
            file: name.to_owned(),
            state: State::Open(writer),
            narrow,
            unflushed: 0,
            bytes: 0,
        })
    }

    /// Adds 20 ms: the caller on the left, the bot on the right.
    pub fn write(&mut self, caller: &Frame, bot: &Frame) -> Result<(), WavError> {
        let writer = match &mut self.state {
            State::Open(writer) => writer,
            State::Failed(what) => return Err(WavError::new(&self.file, what.clone())),
        };
        let written = match &mut self.narrow {
            None => add(writer, caller.samples(), bot.samples()),
            Some((left, right)) => add(writer, &left.push(caller.samples()), &right.push(bot.samples())),
        };
        let flushed = written.and_then(|bytes| {
            self.bytes = self.bytes.saturating_add(bytes);
            self.unflushed += 1;
            if self.unflushed >= FLUSH_FRAMES {
                self.unflushed = 0;
                writer.flush()?;
            }
            Ok(())
        });
        match flushed {
            Err(error) => Err(self.fail(error.to_string())),
            Ok(()) if self.bytes > MAX_BYTES => Err(self.fail("a WAV file holds no more than 4 GiB".to_owned())),
            Ok(()) => Ok(()),
        }
    }

    /// Ends the recording and makes sure that it is written. (Dropping does too, without telling of errors.)
    pub fn finish(self) -> Result<(), WavError> {
        let failed = |what: String| WavError::new(&self.file, what);
        match self.state {
            State::Open(writer) => writer
                .finalize()
                .map_err(|error| failed(format!("cannot be written: {error}"))),
            State::Failed(what) => Err(failed(what)),
        }
    }

    fn fail(&mut self, what: String) -> WavError {
        let what = format!("cannot be written: {what}");
        self.state = State::Failed(what.clone());
        WavError::new(&self.file, what)
    }
}

/// Writes both channels; the number of bytes written.
fn add<W: Write + Seek>(writer: &mut WavWriter<W>, left: &[i16], right: &[i16]) -> hound::Result<u64> {
    for (left, right) in left.iter().zip(right) {
        writer.write_sample(*left)?;
        writer.write_sample(*right)?;
    }
    Ok(left.len() as u64 * 4)
}

#[cfg(test)]
mod tests {
    use std::io::{self, Cursor, SeekFrom};
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::audio::tone::{level_at, sine, sine_at};

    fn wav(spec: WavSpec, samples: &[i32]) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        let mut writer = WavWriter::new(&mut bytes, spec).unwrap();
        for sample in samples {
            match spec.sample_format {
                SampleFormat::Int => writer.write_sample(*sample).unwrap(),
                SampleFormat::Float => writer.write_sample(*sample as f32 / 32_768.0).unwrap(),
            }
        }
        writer.finalize().unwrap();
        bytes.into_inner()
    }

    fn spec(channels: u16, sample_rate: u32, bits_per_sample: u16, sample_format: SampleFormat) -> WavSpec {
        WavSpec {
            channels,
            sample_rate,
            bits_per_sample,
            sample_format,
        }
    }

    #[test]
    fn every_usual_kind_is_read() {
        for (rate, channels, bits, format) in [
            (8_000, 1, 16, SampleFormat::Int),
            (16_000, 1, 8, SampleFormat::Int),
            (22_050, 2, 16, SampleFormat::Int),
            (24_000, 1, 24, SampleFormat::Int),
            (44_100, 2, 32, SampleFormat::Int),
            (48_000, 3, 32, SampleFormat::Float),
        ] {
            let tone = sine_at(rate, 1_000.0, -12.0, Duration::from_secs(1));
            let scaled = tone.iter().flat_map(|s| {
                let sample = match (format, bits) {
                    (SampleFormat::Int, 8) => i32::from(*s) >> 8,
                    (SampleFormat::Int, bits) => i32::from(*s) << (bits - 16),
                    (SampleFormat::Float, _) => i32::from(*s),
                };
                std::iter::repeat_n(sample, usize::from(channels))
            });
            let bytes = wav(spec(channels, rate, bits, format), &scaled.collect::<Vec<i32>>());
            let read = read_from(Cursor::new(bytes), Path::new("tone.wav")).unwrap();
            assert_eq!(read.len(), 16_000);
            let level = level_at(&read, 16_000, 1_000.0);
            assert!((level + 12.0).abs() < 0.2, "{rate} Hz, {bits} bit: {level} dBFS");
        }
    }

    #[test]
    fn errors_name_the_file_and_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let absent = folder.path().join("absent.wav");
        let message = read(&absent).unwrap_err().to_string();
        assert!(message.contains("absent.wav: cannot be opened"), "{message}");
        let text = read_from(Cursor::new(b"Dear diary, ...".repeat(9)), Path::new("diary.wav"))
            .unwrap_err()
            .to_string();
        assert!(text.starts_with("diary.wav: not a WAV file"), "{text}");
        let empty = read_from(Cursor::new(b""), Path::new("empty.wav"))
            .unwrap_err()
            .to_string();
        assert!(empty.starts_with("empty.wav: not a"), "{empty}");
        let folder_itself = read(folder.path()).unwrap_err().to_string();
        assert!(folder_itself.contains("not a readable WAV file"), "{folder_itself}");
    }

    #[test]
    fn a_file_cut_short_gives_what_it_has() {
        let mut bytes = wav(spec(1, 16_000, 16, SampleFormat::Int), &[1_000; 16_000]);
        bytes.truncate(44 + 3_201);
        assert_eq!(
            read_from(Cursor::new(bytes), Path::new("cut.wav")).unwrap(),
            [1_000; 1_600]
        );
    }

    #[test]
    fn a_recording_has_the_caller_left_and_the_bot_right() {
        let folder = tempfile::tempdir().unwrap();
        for (rate, hz) in [(Rate::Wide, 16_000), (Rate::Narrow, 8_000)] {
            let file = folder.path().join("call.wav");
            let mut recording = Recording::create(&file, rate).unwrap();
            let caller = sine(400.0, -20.0, Duration::from_secs(1));
            let bot = sine(1_000.0, -30.0, Duration::from_secs(1));
            for (caller, bot) in super::super::frames(&caller).zip(super::super::frames(&bot)) {
                recording.write(&caller, &bot).unwrap();
            }
            recording.finish().unwrap();
            let reader = WavReader::open(&file).unwrap();
            assert_eq!(
                (reader.spec().channels, reader.spec().sample_rate, reader.duration()),
                (2, hz, hz)
            );
            let samples: Vec<i16> = reader.into_samples().map(Result::unwrap).collect();
            let left: Vec<i16> = samples.iter().step_by(2).copied().collect();
            let right: Vec<i16> = samples.iter().skip(1).step_by(2).copied().collect();
            assert!((level_at(&left, hz, 400.0) + 20.0).abs() < 0.5 && level_at(&left, hz, 1_000.0) < -70.0);
            assert!((level_at(&right, hz, 1_000.0) + 30.0).abs() < 0.5 && level_at(&right, hz, 400.0) < -70.0);
        }
    }

    #[test]
    fn a_killed_process_leaves_a_readable_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("call.wav");
        let mut recording = Recording::create(&file, Rate::Wide).unwrap();
        assert_eq!(WavReader::open(&file).unwrap().duration(), 0, "from the first moment");
        for _ in 0..149 {
            recording
                .write(&Frame::from_slice(&[9; 320]), &Frame::silence())
                .unwrap();
        }
        std::mem::forget(recording); // nothing is written any more, as after SIGKILL
        assert_eq!(WavReader::open(&file).unwrap().duration(), 2 * 16_000);
        assert_eq!(read(&file).unwrap().len(), 2 * 16_000);
    }

    /// A disk with room for so many bytes.
    struct Disk {
        room: u64,
        data: Cursor<Vec<u8>>,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let room = self.room.saturating_sub(self.data.position()).min(bytes.len() as u64) as usize;
            if room == 0 && !bytes.is_empty() {
                return Err(io::Error::from(io::ErrorKind::StorageFull));
            }
            self.data.write(&bytes[..room])
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Seek for Disk {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            self.data.seek(to)
        }
    }

    #[test]
    fn a_full_disk_is_an_error_and_leaves_what_was_written() {
        let mut disk = Disk {
            room: 200_000,
            data: Cursor::new(Vec::new()),
        };
        let mut recording = Recording::new(BufWriter::new(&mut disk), Path::new("call.wav"), Rate::Wide).unwrap();
        let frame = Frame::from_slice(&[500; 320]);
        let results: Vec<_> = (0..500).map(|_| recording.write(&frame, &frame)).collect();
        let first = results.iter().position(Result::is_err).expect("the disk is full");
        assert!((150..=210).contains(&first), "{first}");
        assert!(results[first..].iter().all(Result::is_err), "and stays so");
        let message = results[first].as_ref().unwrap_err().to_string();
        assert!(message.starts_with("call.wav: cannot be written"), "{message}");
        assert!(recording.finish().is_err());
        let kept = read_from(Cursor::new(disk.data.into_inner()), Path::new("call.wav")).unwrap();
        assert!(
            kept.len() >= 2 * 16_000 && kept.iter().all(|s| *s == 500),
            "{} samples",
            kept.len()
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_disk_full_from_the_start_is_an_error() {
        let error = Recording::create(Path::new("/dev/full"), Rate::Narrow)
            .err()
            .expect("nothing fits");
        assert!(error.to_string().starts_with("/dev/full: cannot be written"), "{error}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = read_from(Cursor::new(bytes), Path::new("any.wav"));
        }

        #[test]
        fn a_damaged_file_is_read_or_refused(at in 0usize..44, with: u8, more in 0usize..44, last: u8) {
            let mut bytes = wav(spec(2, 8_000, 16, SampleFormat::Int), &[7; 64]);
            bytes[at] = with;
            bytes[more] = last;
            let _ = read_from(Cursor::new(bytes), Path::new("damaged.wav"));
        }
    }
}
