// SPDX-License-Identifier: Apache-2.0

// The stream of changes; without it, the page again every few seconds.

const again = 10_000; // between two loads of the page while there is no stream
const hiddenFor = 60_000; // a page that nobody sees for so long gives its stream back

// Live keeps a page up to date. It calls update(data, everything), fits(shape), which returns false
// for a state that the document has no place for, reload(document) and state(name).
export class Live {
	constructor(address, calls) {
		this.address = address;
		this.calls = calls;
		document.addEventListener("visibilitychange", () => this.seen());
		addEventListener("pagehide", () => this.close());
		addEventListener("pageshow", (event) => event.persisted && this.open());
		this.open();
	}

	open() {
		this.close();
		if (this.paused || !this.address) return;
		const source = new EventSource(this.address);
		this.source = source;
		this.say("connecting");
		source.onopen = () => this.say("live");
		source.onerror = () => this.failed(source);
		const on = (name, call) => source.addEventListener(name, (event) => {
			this.say("live");
			call(JSON.parse(event.data));
		});
		on("full", (data) => (this.calls.fits(data.shape) ? this.calls.update(data, true) : this.load()));
		on("update", (data) => this.calls.update(data, false));
		on("reload", () => this.load());
	}

	close() {
		this.source?.close();
		this.source = null;
		clearTimeout(this.timer);
	}

	// failed: the browser connects again by itself, unless the answer was an error.
	failed(source) {
		if (source !== this.source) return;
		if (source.readyState !== EventSource.CLOSED) {
			this.say("connecting");
			return;
		}
		this.say("slow");
		this.timer = setTimeout(() => this.load(), again);
	}

	// go follows another view.
	go(address) {
		this.address = address;
		this.open();
	}

	// load loads the page again, and then tries the stream; not more often than each second.
	async load() {
		this.close();
		if (Date.now() - (this.loaded ?? 0) < 1000) {
			this.timer = setTimeout(() => this.load(), 1000);
			return;
		}
		this.loaded = Date.now();
		try {
			const answer = await fetch(location.href, { cache: "no-store" });
			if (!answer.ok) throw new Error(answer.statusText);
			const text = await answer.text();
			if (!this.paused) this.calls.reload(new DOMParser().parseFromString(text, "text/html"));
			this.open();
		} catch {
			this.say("lost");
			this.timer = setTimeout(() => this.load(), again);
		}
	}

	pause(paused) {
		this.paused = paused;
		if (!paused) {
			this.open();
			return;
		}
		this.close();
		this.say("paused");
	}

	seen() {
		clearTimeout(this.away);
		if (document.hidden) this.away = setTimeout(() => this.close(), hiddenFor);
		else if (!this.source) this.open();
	}

	say(name) {
		if (this.state !== name) this.calls.state((this.state = name));
	}
}
