// SPDX-License-Identifier: Apache-2.0

// The keys. They can be switched off, since voice control and screen readers may send them, too.

import { create } from "./cells.js";
import { button, open } from "./dialogs.js";

const off = "passthrough-keys-off";

const help = [
	["/", "Filter the rows"],
	["j k ↓ ↑", "Next and previous row"],
	["Enter", "All about the row"],
	["x", "Select the row for a change, if the page allows changes"],
	["1 … 9", "The views, in the order of the menu"],
	["p", "Pause, and go on"],
	["?", "This list"],
	["Esc", "Clear the filter, close this"],
];

// listen calls functions of actions for keys: filter, step, details, select, view, pause and clear. A
// function that returns nothing leaves the key to the browser.
export function listen(actions) {
	const onRow = (call) => (event) => (event.target.matches("tr[data-key]") ? call() : undefined);
	const keys = {
		"/": () => actions.filter(),
		j: () => actions.step(1),
		k: () => actions.step(-1),
		ArrowDown: onRow(() => actions.step(1)),
		ArrowUp: onRow(() => actions.step(-1)),
		Enter: onRow(() => actions.details()),
		x: onRow(() => actions.select()),
		p: () => actions.pause(),
		"?": () => showHelp(),
		Escape: () => actions.clear(),
	};
	for (let n = 1; n <= 9; n++) keys[n] = () => actions.view(n - 1);
	document.addEventListener("keydown", (event) => {
		if (event.ctrlKey || event.altKey || event.metaKey || document.querySelector("dialog[open]")) return;
		if (event.key !== "Escape" && event.target.matches("input:not([type=checkbox]), select, textarea")) return;
		if (event.key.length === 1 && localStorage.getItem(off)) return;
		if (keys[event.key]?.(event) !== undefined) event.preventDefault();
	});
}

// showHelp shows the keys, and lets the reader switch them off.
export function showHelp() {
	const list = create("dl", { class: "keys" });
	for (const [keys, text] of help) list.append(create("dt", {}, ...keys.split(" ").flatMap((key) => [key === "…" ? "…" : create("kbd", {}, key), " "])), create("dd", {}, text));
	const box = create("input", { type: "checkbox" });
	box.checked = !localStorage.getItem(off);
	box.addEventListener("change", () => (box.checked ? localStorage.removeItem(off) : localStorage.setItem(off, "1")));
	open("Keys", [list, create("p", {}, create("label", {}, box, " Use these keys"))], [button("Close", "close")]);
	return true;
}
