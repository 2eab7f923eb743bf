# Two commands on a fresh Debian 12 with Rust: `make demo` and `make test`. Both are safe to run again.

OFFHOOK = target/release/offhook

.PHONY: help demo test build models lint deny bench fuzz clean

help: ## what there is
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

demo: build models ## build, pull the models, start the bot, ring it, and stay up
	@$(OFFHOOK) demo

test: build models ## formatting, clippy with warnings denied, every test; the fuzz targets still compile
	@.ci/setup test
	cargo fmt --check
	cargo clippy --release --all-targets --locked -j2 -- -D warnings
	cargo check --release --manifest-path fuzz/Cargo.toml --target-dir target --locked -j2
	cargo test --release --locked -j2

build:
	@.ci/setup build
	cargo build --release --locked -j2

models: build
	@.ci/setup models
	@$(OFFHOOK) models pull

deny: ## licences and sources of every dependency
	@command -v cargo-deny >/dev/null || cargo install --locked cargo-deny
	cargo deny check licenses bans sources

bench: build models ## the figures of benches/RESULTS.md
	@.ci/setup bench
	$(OFFHOOK) bench stt --beside faster-whisper --plot benches/stt.svg
	$(OFFHOOK) bench tts
	$(OFFHOOK) bench media
	$(OFFHOOK) bench impairment --plot benches/impairment.svg
	$(OFFHOOK) bench soak
	$(OFFHOOK) bench hand-over
	$(OFFHOOK) bench campaign
	$(OFFHOOK) bench understanding
	$(OFFHOOK) bench turn --plot benches/gap.svg
	$(OFFHOOK) bench end-of-turn --plot benches/end-of-turn.svg
	$(OFFHOOK) bench barge-in --plot benches/barge-in.svg
	$(OFFHOOK) bench silence
	$(OFFHOOK) bench cutting-in
	$(OFFHOOK) bench names
	$(OFFHOOK) bench amd
	$(OFFHOOK) bench capacity
	$(OFFHOOK) bench desk

fuzz: ## hostile input, half an hour a target; FUZZ_SECONDS=60 for a minute each
	@.ci/setup build
	fuzz/run

clean: ## remove what was built; models stay in the user's cache
	cargo clean
