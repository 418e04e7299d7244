// SPDX-License-Identifier: Apache-2.0

// The elements of rows.

import { create, full } from "./cells.js";

// build returns an element for a row.
export function build({ key, target, cells }, selectable) {
	const element = create("tr", { "data-key": key });
	element.tabIndex = -1;
	cells.forEach((_, i) => element.append(i === 0 ? create("th", { scope: "row" }) : document.createElement("td")));
	if (selectable && target) {
		const box = create("input", { type: "checkbox", name: "target", value: target, "aria-label": full(cells[0]).text });
		element.firstChild.append(box, " ", create("span", { class: "value" }));
	}
	return element;
}

// wrap puts what follows the box of a row into an element, which can change beside the box.
export function wrap(box) {
	const value = create("span", { class: "value" });
	while (box.nextSibling) value.append(box.nextSibling);
	box.after(" ", value);
}

// place makes elements the children of a parent, moving as few as possible.
export function place(parent, children) {
	const kept = new Set(children);
	for (const old of [...parent.children]) if (!kept.has(old)) old.remove();
	children.forEach((element, i) => {
		if (parent.children[i] !== element) parent.insertBefore(element, parent.children[i] ?? null);
	});
}
