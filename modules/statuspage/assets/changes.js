// SPDX-License-Identifier: Apache-2.0

// Changes by the reader: the forms below tables, which work without script, too. Here they ask
// before they send, and the page stays as it is.

import { create } from "./cells.js";
import { sure } from "./dialogs.js";

// attach takes over the form around a table.
export function attach(table) {
	const form = table.element.closest("form.change");
	if (!form) return;
	const { action, value } = form.elements;
	const needsValue = () => {
		const wanted = action.selectedOptions[0]?.dataset.value;
		if (value) value.closest("label").hidden = !wanted;
		return wanted;
	};
	const apply = form.querySelector(".actions button");
	const show = () => {
		const n = table.selected.size;
		apply.disabled = n === 0;
		form.classList.toggle("selected", n > 0);
		apply.textContent = n > 1 ? `Apply to ${n}` : "Apply";
	};
	action.addEventListener("change", needsValue);
	table.element.addEventListener("arranged", show);
	form.addEventListener("submit", (event) => {
		event.preventDefault();
		if (needsValue() && !value.value.trim()) value.focus();
		else change(form, table);
	});
	form.classList.add("scripted");
	needsValue();
	show();
}

// change asks, sends the change, and says what the answer says.
async function change(form, table) {
	const { action, value } = form.elements;
	const [option] = action.selectedOptions;
	const title = option.textContent.replace(/ \(.*/, "") + (option.dataset.value ? ` ${value.value.trim()}` : "");
	const names = [...table.selected].map((key) => table.rows.get(key).cells[0]).map((cell) => cell?.text ?? cell);
	if (!(await sure(`${title}?`, names, title))) return;
	const body = new URLSearchParams([...new FormData(form)].filter(([name]) => name !== "target"));
	for (const target of table.targets()) body.append("target", target);
	try {
		const answer = await fetch(location.pathname, { method: "POST", body });
		const shown = new DOMParser().parseFromString(await answer.text(), "text/html");
		const text = shown.querySelector("main > .panel.bad p, main > p.panel.good")?.textContent;
		say(text ?? answer.statusText, answer.ok ? "good" : "bad");
		if (answer.ok) table.unselect();
	} catch {
		say("There was no answer: nothing is known about the change.", "bad");
	}
}

// say shows a text in a corner for a while, and screen readers read it.
export function say(text, names) {
	let said = document.getElementById("said");
	if (!said) document.body.append((said = create("div", { id: "said", role: "status" })));
	const item = create("p", { class: names }, text);
	said.append(item);
	setTimeout(() => item.remove(), 8000);
}
