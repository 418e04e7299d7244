// SPDX-License-Identifier: Apache-2.0

package page

import (
	"fmt"
	"slices"
	"testing"

	"github.com/chromedp/chromedp"
)

// widths are those of screens, from a phone to a wide monitor.
var widths = []int64{390, 768, 1280, 1920}

// Every view fits every screen in both themes, does nothing wrong, and axe-core finds nothing
// serious in it.
func TestViews(t *testing.T) {
	t.Parallel()
	whole(t)
	s := newServer(t)
	r := newRig(t, s.backend("web", 40, frequent), "default_backend web", "allow_control\ntitle Edge\nnode lb1")
	b := newTab(t)
	r.show(b, "overview")
	for _, view := range r.views(b) {
		for _, theme := range []string{"light", "dark"} {
			b.look(1280, 900, theme, "screen")
			r.show(b, view)
			b.accessible(view + ", " + theme)
			for _, width := range widths {
				b.look(width, 900, theme, "screen")
				b.fits(fmt.Sprintf("%s at %d pixels", view, width))
				b.screenshot(fmt.Sprintf("%s-%s-%d", view, theme, width))
			}
		}
	}
	b.innocent(r.host)
}

// fits fails the test if the page is wider than the window.
func (b *tab) fits(what string) {
	b.t.Helper()
	if over := evaluate[float64](b, "document.documentElement.scrollWidth - document.documentElement.clientWidth"); over > 0 {
		wide := evaluate[[]string](b, `[...document.body.querySelectorAll("*")].filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest(".scroll, .picture")).slice(0, 5).map(e => e.outerHTML.slice(0, 120))`)
		b.t.Errorf("%s: %v pixels too wide: %q", what, over, wide)
	}
}

// The page follows the reader's theme, and prints in the light one.
func TestThemes(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	r := newRig(t, s.backend("web", 1, ""), "default_backend web", "")
	b := newTab(t)
	r.show(b, "overview")
	colour := func(theme, medium string) string {
		b.look(1280, 900, theme, medium)
		return evaluate[string](b, `getComputedStyle(document.querySelector(".panel")).backgroundColor + getComputedStyle(document.body).color`)
	}
	light, dark := colour("light", "screen"), colour("dark", "screen")
	if light == dark {
		t.Errorf("both themes have the colours %s", light)
	}
	if paper := colour("dark", "print"); paper != "rgb(255, 255, 255)rgb(0, 0, 0)" {
		t.Errorf("printed in %s", paper)
	}
	b.innocent(r.host)
}

// Times are in the reader's zone, with UTC beside.
func TestTimeZone(t *testing.T) {
	t.Parallel()
	whole(t)
	s := newServer(t)
	r := newRig(t, s.backend("web", 1, ""), "default_backend web", "")
	b := newTab(t)
	b.zone("Asia/Kolkata")
	r.show(b, "overview")
	b.until("the time is local", `(() => {
		const at = document.getElementById("at"), shown = new Date(at.dateTime);
		return at.textContent.includes(":" + String((shown.getUTCMinutes() + 30) % 60).padStart(2, "0") + ":") && at.title.endsWith("Z");
	})()`)
}

// What the page shows with script is in its HTML, too.
func TestWithoutScript(t *testing.T) {
	t.Parallel()
	whole(t)
	s := newServer(t)
	r := newRig(t, s.backend("web", 3, frequent)+s.backend("mail", 1, ""), "default_backend web", "")
	r.hello(t, "www.example.test")
	with, without := newTab(t), newTab(t)
	without.withoutScript()
	r.show(with, "overview")
	for _, view := range r.views(with) {
		r.show(with, view)
		var got, want, missing []string
		for range 30 { // marks of checks may appear between the two
			with.until("no number of the page moves", settled)
			without.do(chromedp.Navigate(r.url(view)))
			got, want = evaluate[[]string](without, shown), evaluate[[]string](with, shown)
			if missing = difference(want, got); len(missing) == 0 {
				break
			}
		}
		if len(missing) > 0 || len(got) == 0 {
			t.Errorf("%s: without script, %q are missing of %q", view, missing, want)
		}
	}
	without.innocent(r.host)
}

// shown is an expression for what a view shows: headings, names, and texts that do not change each
// second.
const shown = `[...document.querySelectorAll("main h2, main dt, main thead th, main tbody th, main figcaption, main label, main td.t:not(.ago):not(:has(time))")]
	.map(e => e.firstChild?.textContent.replace(/[0-9].*/, "").trim()).filter(Boolean)`

// settled is an expression that is true once the checks of all servers have passed.
const settled = `!document.querySelector("main").textContent.includes("INI")`

// difference returns the texts of a that are not in b.
func difference(a, b []string) (missing []string) {
	for _, text := range a {
		if !slices.Contains(b, text) {
			missing = append(missing, text)
		}
	}
	return missing
}

// The first rows are there within a second, with 3 backends of 40 servers and one of 1000. (The
// test only prints how long it took: a busy machine would fail it.)
func TestFirstRows(t *testing.T) {
	t.Parallel()
	whole(t)
	s := newServer(t)
	backends := s.backend("web", 40, "") + s.backend("mail", 40, "") + s.backend("files", 40, "") + s.backend("big", 1000, "")
	r := newRig(t, backends, "default_backend web", "allow_control")
	for _, view := range []string{"overview", "backends", "backends&backend=big"} {
		b := newTab(t)
		b.look(1280, 900, "light", "screen")
		r.show(b, view)
		b.until("the page is painted", `performance.getEntriesByName("first-contentful-paint").length === 1`)
		t.Logf("%s: first rows after %.0f ms, %.0f bytes in all", view,
			evaluate[float64](b, `performance.getEntriesByName("first-contentful-paint")[0].startTime`),
			evaluate[float64](b, `[...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")].filter(e => !e.name.includes("/live")).reduce((n, e) => n + e.decodedBodySize, 0)`))
		b.innocent(r.host)
	}
}

// On paper are all facts, and nothing to click.
func TestPrint(t *testing.T) {
	t.Parallel()
	whole(t)
	s := newServer(t)
	r := newRig(t, s.backend("web", 40, ""), "default_backend web", "allow_control")
	b := newTab(t)
	r.show(b, "backends")
	b.look(1047, 718, "dark", "print") // A4 in landscape, without margins, at 96 pixels per inch
	b.fits("on paper")
	visible := evaluate[[]string](b, `[...document.querySelectorAll("nav, button:not(th button), select, input, .actions")].filter(e => e.checkVisibility() && e.getClientRects().length).map(e => e.outerHTML.slice(0, 80))`)
	if len(visible) > 0 {
		t.Errorf("printed: %q", visible)
	}
	if n := evaluate[int](b, `[...document.querySelectorAll("#servers-web tbody tr")].filter(e => e.getClientRects().length).length`); n != 40 {
		t.Errorf("%d rows are printed, want 40", n)
	}
	b.screenshot("print")
}

// The time since an event grows while nothing else changes.
func TestAges(t *testing.T) {
	t.Parallel()
	whole(t)
	s := newServer(t)
	r := newRig(t, s.backend("web", 1, ""), "default_backend web", "")
	b := newTab(t)
	r.show(b, "overview")
	const seconds = `Number(document.querySelector("#uptime time").textContent.match(/^(\d+)s$/)?.[1])`
	b.until("the uptime is in seconds", seconds+" >= 1")
	b.do(chromedp.Evaluate[chromedp.Void]("globalThis.before = " + seconds + "; undefined"))
	b.until("it grows", seconds+" > before")
	b.until("its title has both zones", `/ \(\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ\)$/.test(document.querySelector("#uptime time").title)`)
}
