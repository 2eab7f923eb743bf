"""Transcribes recordings with faster-whisper, for `offhook bench stt --beside faster-whisper`.

Argument: a folder with the model (CTranslate2). Reads for each recording a line "BYTES LANGUAGE" and its samples (16-bit, 16 kHz, mono), and writes a
line of JSON: {"text": ..., "ms": ...}. One thread, int8, faster-whisper's own defaults else.
"""

import json
import sys
import time

import numpy
from faster_whisper import WhisperModel

PROMPTS = {"zh": "以下是普通话的句子。"}  # as Offhook asks for simplified characters

model = WhisperModel(sys.argv[1], device="cpu", compute_type="int8", cpu_threads=1)
while head := sys.stdin.buffer.readline():
    length, language = head.decode().split()
    samples = numpy.frombuffer(sys.stdin.buffer.read(int(length)), "<i2")
    began = time.perf_counter()
    segments, _ = model.transcribe(
        samples.astype(numpy.float32) / 32768, language=language, initial_prompt=PROMPTS.get(language)
    )
    text = "".join(segment.text for segment in segments)
    print(json.dumps({"text": text, "ms": (time.perf_counter() - began) * 1000}), flush=True)
