// SPDX-License-Identifier: Apache-2.0

// Times in the reader's zone, and the time since then.

const today = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const anyDay = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

// ahead is by how many milliseconds the reader's clock is ahead of the process's.
const ahead = Date.now() - (Date.parse(document.getElementById("at")?.dateTime) || Date.now());

const local = (at) => (at.toDateString() === new Date().toDateString() ? today : anyDay).format(at);

// localTime shows the time of an element in the reader's zone, with UTC as its title. In an element
// of the class ago it shows the time since then.
export function localTime(element) {
	const at = new Date(element.dateTime);
	if (isNaN(at)) return;
	const since = element.closest(".ago");
	const text = since ? age(Date.now() - ahead - at) : local(at);
	if (element.textContent !== text) element.textContent = text;
	const utc = at.toISOString().replace("T", " ").replace(/\.\d+/, "");
	element.title = since ? `${local(at)} (${utc})` : utc;
}

export function localTimes(root) {
	root.querySelectorAll("time[datetime]").forEach(localTime);
}

// age returns a duration by its two largest units, as the process writes them.
function age(milliseconds) {
	const s = Math.max(0, Math.floor(milliseconds / 1000));
	const parts = (unit, size, next, part) => `${Math.floor(s / size)}${unit}${Math.floor((s % size) / part)}${next}`;
	if (s < 60) return s + "s";
	if (s < 3600) return parts("m", 60, "s", 1);
	if (s < 86400) return parts("h", 3600, "m", 60);
	return parts("d", 86400, "h", 3600);
}

// ages shows what ages are now.
export const ages = () => document.querySelectorAll(".ago time[datetime]").forEach(localTime);
