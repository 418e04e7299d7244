// SPDX-License-Identifier: Apache-2.0

package page

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// status is an expression for the status of a server that the page shows.
func status(backend, server string) string {
	return fmt.Sprintf(`document.querySelector("#servers-%s tr[data-key='%s'] td").textContent`, backend, server)
}

// The page shows within seconds that a server is down, and that it is back.
func TestServerDown(t *testing.T) {
	t.Parallel()
	good, failing := newServer(t), newServer(t)
	r := newRig(t, good.backend("web", 3, frequent)+failing.backend("mail", 2, frequent), "default_backend web", "")
	b := newTab(t)
	r.show(b, "backends")
	b.until("mail/s1 is up", status("mail", "s1")+` === "UP"`)
	failing.stop()
	t.Logf("a server that went down was shown after %v", b.until("mail/s1 is down", status("mail", "s1")+` === "DOWN"`).Round(time.Millisecond))
	b.until("the backend is down", `document.getElementById("backend-mail-state").textContent === "DOWN"`)
	if err := failing.start(); err != nil {
		t.Fatal(err)
	}
	t.Logf("a server that came back was shown after %v", b.until("mail/s1 is up", status("mail", "s1")+` === "UP"`).Round(time.Millisecond))
	b.innocent(r.host)
}

// The reader drains a server by clicks; the page asks before, and says what happened.
func TestDrainByClick(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	r := newRig(t, s.backend("web", 3, frequent), "default_backend web", "allow_control")
	b := newTab(t)
	r.show(b, "backends")
	b.until("web/s2 is up", status("web", "s2")+` === "UP"`)
	const form = "#backend-web form.change "
	b.do(chromedp.Click(chromedp.CSS(`#servers-web tr[data-key="s2"] input`)),
		chromedp.SetValue(chromedp.CSS(form+"select[name=action]"), "drain"),
		chromedp.Click(chromedp.CSS(form+".actions button")))
	b.until("the page asks", `document.querySelector("dialog[open] h2").textContent === "Set state to drain?" && document.querySelector("dialog li").textContent === "s2"`)
	b.do(chromedp.Click(chromedp.CSS("dialog button.primary")))
	b.until("web/s2 is in drain", status("web", "s2")+` === "DRAIN"`)
	b.until("the page says so", `document.querySelector("#said").textContent.includes("changed 1")`)
	if selected := evaluate[int](b, `document.querySelectorAll("input:checked[name=target]").length`); selected != 0 {
		t.Errorf("%d rows are selected after the change", selected)
	}
	if text := r.log(); !strings.Contains(text, "drain") {
		t.Errorf("the log does not say that the server was drained:\n%s", text)
	}
	b.innocent(r.host)
}

// A change that the reader does not confirm is not made.
func TestCancel(t *testing.T) {
	t.Parallel()
	whole(t)
	s := newServer(t)
	r := newRig(t, s.backend("web", 2, ""), "default_backend web", "allow_control")
	b := newTab(t)
	r.show(b, "backends")
	b.do(chromedp.Click(chromedp.CSS(`#servers-web tr[data-key="s1"] input`)),
		chromedp.SetValue(chromedp.CSS("#backend-web select[name=action]"), "maint"),
		chromedp.Click(chromedp.CSS("#backend-web .actions button")))
	b.until("the page asks", `document.querySelector("dialog[open]")`)
	b.press("Escape")
	b.until("the dialog is closed", `!document.querySelector("dialog")`)
	for _, request := range b.requestsNow() {
		if strings.HasPrefix(request, "POST ") {
			t.Errorf("sent %s", request)
		}
	}
	b.innocent(r.host)
}

// Without script, the same form changes a server.
func TestDrainWithoutScript(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	r := newRig(t, s.backend("web", 3, ""), "default_backend web", "allow_control")
	b := newTab(t)
	b.withoutScript()
	b.do(chromedp.Navigate(r.url("backends")),
		chromedp.Click(chromedp.CSS(`#servers-web tr[data-key="s2"] input`)),
		chromedp.SetValue(chromedp.CSS("#backend-web select[name=action]"), "drain"),
		chromedp.Click(chromedp.CSS("#backend-web .actions button")))
	b.until("the page says so", `document.querySelector("main > .good").textContent.includes("changed 1")`)
	b.until("web/s2 is in drain", status("web", "s2")+` === "DRAIN"`)
	b.innocent(r.host)
}

// A page that is paused does not change; then it catches up.
func TestPause(t *testing.T) {
	t.Parallel()
	whole(t)
	s := newServer(t)
	r := newRig(t, s.backend("web", 1, frequent), "default_backend web", "")
	b, other := newTab(t), newTab(t)
	r.show(b, "backends")
	b.until("web/s1 is up", status("web", "s1")+` === "UP"`)
	b.press("p")
	b.until("the page is paused", `document.getElementById("live").textContent === "Paused"`)
	s.stop()
	r.show(other, "backends")
	other.until("web/s1 is down", status("web", "s1")+` === "DOWN"`)
	if shown := evaluate[string](b, status("web", "s1")); shown != "UP" {
		t.Errorf("the paused page shows %q", shown)
	}
	b.press("p")
	b.until("web/s1 is down", status("web", "s1")+` === "DOWN"`)
}

// After a reload of the configuration, the page shows the new one.
func TestReload(t *testing.T) {
	t.Parallel()
	whole(t)
	s := newServer(t)
	r := newRig(t, s.backend("web", 2, ""), "default_backend web", "")
	b := newTab(t)
	r.show(b, "backends")
	r.load(t, r.caddyfile(s.backend("web", 3, "")+s.backend("mail", 1, ""), "default_backend web", ""))
	b.until("the page shows the new backend", `document.querySelectorAll("#servers-mail tbody tr[data-key]").length === 1 && document.querySelectorAll("#servers-web tbody tr[data-key]").length === 3`)
	b.until("the page is live", `document.getElementById("live").textContent === "Live"`)
	b.innocent(r.host)
}

// When there are too many streams, the page loads again every few seconds; then it is live.
func TestTooManyStreams(t *testing.T) {
	t.Parallel()
	whole(t)
	s := newServer(t)
	r := newRig(t, s.backend("web", 1, frequent), "default_backend web", "")
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	for full := false; !full; {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+r.host+"/status/page/live?view=overview", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		full = answer.StatusCode == http.StatusServiceUnavailable
	}
	b := newTab(t)
	b.do(chromedp.Navigate(r.url("backends")))
	b.until("the page is not live", `document.getElementById("live").textContent === "Not live"`)
	b.until("web/s1 is up", status("web", "s1")+` === "UP"`)
	s.stop()
	b.until("web/s1 is down", status("web", "s1")+` === "DOWN"`)
	leave()
	b.until("the page is live", `document.getElementById("live").textContent === "Live"`)
}
