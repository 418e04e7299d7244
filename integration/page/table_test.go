// SPDX-License-Identifier: Apache-2.0

package page

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// heading is an expression for the button of the heading of a column.
func heading(table, group, title string) string {
	return `[...document.querySelectorAll("#` + table + ` thead tr:last-child th")].find(th => th.textContent === "` + title + `" &&
		headingGroup(th) === "` + group + `").querySelector("button")`
}

// helpers are functions for the expressions of the tests.
const helpers = `
	globalThis.headingGroup = th => { // the heading above a heading
		let at = th.cellIndex;
		for (const cell of th.closest("thead").rows[0].cells) if ((at -= cell.colSpan) < 0) return cell.textContent;
	};
	globalThis.column = (table, title) => {
		const head = [...document.querySelectorAll("#" + table + " thead tr:last-child th")].find(th => th.textContent === title);
		return [...document.querySelectorAll("#" + table + " tbody tr[data-key]")].map(tr => tr.cells[head.cellIndex].textContent.trim());
	};
	globalThis.took = async work => { // milliseconds until what the work changed is drawn
		const begin = performance.now();
		work();
		await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
		return performance.now() - begin;
	};
	undefined`

// A backend with 1000 servers stays quick: the document has elements for the visible rows only, and
// sorting and filtering happen in the browser.
func TestLongTable(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	r := newRig(t, s.backend("big", 1000, ""), "default_backend big", "allow_control")
	b := newTab(t)
	r.show(b, "backends&backend=big")
	b.do(chromedp.Evaluate[chromedp.Void](helpers))
	const rows = `document.querySelectorAll("#servers-big tbody tr[data-key]")`
	b.until("all rows are here", `document.querySelector("#servers-big").getAttribute("aria-rowcount") === "1002"`)
	if n := evaluate[int](b, rows+".length"); n > 150 {
		t.Errorf("the document has %d rows", n)
	}
	t.Logf("sorted in %.0f ms", evaluate[float64](b, `took(() => `+heading("servers-big", "", "Server")+`.click())`))
	if first := evaluate[[]string](b, `column("servers-big", "Server").slice(0, 3)`); strings.Join(first, " ") != "s1 s2 s3" {
		t.Errorf("sorted by name, the first rows are %q", first)
	}
	t.Logf("sorted the other way in %.0f ms", evaluate[float64](b, `took(() => `+heading("servers-big", "", "Server")+`.click())`))
	if first := evaluate[[]string](b, `column("servers-big", "Server").slice(0, 3)`); strings.Join(first, " ") != "s1000 s999 s998" {
		t.Errorf("sorted by name, the last first, the first rows are %q", first)
	}
	if sorted := evaluate[string](b, heading("servers-big", "", "Server")+`.parentElement.getAttribute("aria-sort")`); sorted != "descending" {
		t.Errorf("aria-sort is %q", sorted)
	}
	t.Logf("scrolled in %.0f ms", evaluate[float64](b, `took(() => document.querySelector("#servers-big").closest(".scroll").scrollTop = 1e6)`))
	if last := evaluate[string](b, `column("servers-big", "Server").at(-1)`); last != "s1" {
		t.Errorf("at the end is %q", last)
	}
	t.Logf("filtered in %.0f ms", evaluate[float64](b, `took(() => { const box = document.querySelector("input[name=filter]"); box.value = "s77"; box.dispatchEvent(new Event("input")) })`))
	if n := evaluate[int](b, rows+".length"); n != 11 { // s77, s770 to s779
		t.Errorf("the filter leaves %d rows", n)
	}
	b.innocent(r.host)
}

// Rows stay selected while they are out of sight.
func TestSelectionScrolls(t *testing.T) {
	t.Parallel()
	whole(t)
	s := newServer(t)
	r := newRig(t, s.backend("big", 300, ""), "default_backend big", "allow_control")
	b := newTab(t)
	r.show(b, "backends&backend=big")
	b.until("all rows are here", `document.querySelector("#servers-big").getAttribute("aria-rowcount") === "302"`)
	b.do(chromedp.Evaluate[chromedp.Void](`document.querySelector("#servers-big tr[data-key=s2] input").click(); document.querySelector("#servers-big").closest(".scroll").scrollTop = 1e6`))
	b.until("the end is drawn", `document.querySelector("#servers-big tr[data-key=s300]") && !document.querySelector("#servers-big tr[data-key=s2]")`)
	b.do(chromedp.SetValue(chromedp.CSS("#backend-big select[name=action]"), "maint"), chromedp.Click(chromedp.CSS("#backend-big .actions button")))
	b.until("the page asks about s2", `document.querySelector("dialog li").textContent === "s2"`)
	b.do(chromedp.Click(chromedp.CSS("dialog button.primary")))
	b.until("the page says so", `document.querySelector("#said").textContent.includes("changed 1")`)
	b.do(chromedp.Evaluate[chromedp.Void](`document.querySelector("#servers-big").closest(".scroll").scrollTop = 0`))
	b.until("big/s2 is in maintenance", status("big", "s2")+` === "MAINT"`)
	b.innocent(r.host)
}

// Among all backends, the filter finds servers of one that is collapsed, and the address keeps it.
func TestFilter(t *testing.T) {
	t.Parallel()
	whole(t)
	s := newServer(t)
	r := newRig(t, s.backend("web", 5, "")+s.backend("big", 200, ""), "default_backend big", "")
	b := newTab(t)
	r.show(b, "backends")
	b.press("/", "s", "1", "9")
	b.until("the filter finds servers of both", `document.querySelectorAll("#servers-big tr[data-key]").length === 11 && document.querySelectorAll("#servers-web tr[data-key]").length === 0`)
	b.until("the address has the filter", `new URLSearchParams(location.search).get("filter") === "s19"`)
	b.press("Escape")
	b.until("all is back", `document.querySelectorAll("#servers-web tr[data-key]").length === 5 && !location.search.includes("filter")`)
	b.innocent(r.host)
}

// Keys move in rows, show all about one, and go to views; they can be switched off.
func TestKeys(t *testing.T) {
	t.Parallel()
	whole(t)
	s := newServer(t)
	r := newRig(t, s.backend("web", 5, ""), "default_backend web", "")
	b := newTab(t)
	r.show(b, "backends&backend=web")
	b.press("j", "j", "j", "k")
	b.until("the second row has the focus", `document.activeElement.dataset.key === "s2"`)
	b.press("ArrowDown", "Enter")
	b.until("the details are shown", `document.querySelector("dialog[open] h2").textContent === "s3" && [...document.querySelectorAll("dialog dt")].some(dt => dt.textContent === "Weight")`)
	b.press("Escape")
	b.until("the row has the focus again", `!document.querySelector("dialog") && document.activeElement.dataset.key === "s3"`)
	b.press("?")
	b.until("the keys are shown", `document.querySelector("dialog[open] h2").textContent === "Keys"`)
	b.do(chromedp.Click(chromedp.CSS("dialog input[type=checkbox]")))
	b.press("Escape")
	b.until("the list is closed", `!document.querySelector("dialog")`)
	b.press("p")
	if state := evaluate[string](b, `document.getElementById("live").textContent`); state != "Live" {
		t.Errorf("a key that is switched off made the page %q", state)
	}
	b.do(chromedp.Evaluate[chromedp.Void](`document.querySelector(".status button:last-child").click()`))
	b.do(chromedp.Click(chromedp.CSS("dialog input[type=checkbox]")))
	b.press("Escape")
	b.until("the list is closed", `!document.querySelector("dialog")`)
	b.press("1")
	b.until("the overview is shown", `document.querySelector("nav a[aria-current]").textContent === "Overview"`)
	b.innocent(r.host)
}
