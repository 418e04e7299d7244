// SPDX-License-Identifier: Apache-2.0

// Package page tests the page of the load balancer in a browser: what it shows and does, that it
// runs nothing but its own script, and that everyone can read it.
package page

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	cdpage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
)

// patience bounds every wait.
const patience = 30 * time.Second

// chromium is the browser of all tests, started by the first of them.
var chromium struct {
	sync.Once
	ctx  context.Context
	stop context.CancelFunc
	err  error
}

// startChromium starts the browser. Its services that ask servers of its maker are off: every
// request is one of the page.
func startChromium(path string) {
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.WSURLReadTimeout(patience), chromedp.Flag("force-color-profile", "srgb"), chromedp.Flag("hide-scrollbars", false))
	ctx, stopAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, stopBrowser := chromedp.NewContext(ctx)
	chromium.ctx, chromium.stop = ctx, func() { stopBrowser(); stopAllocator() }
	chromium.err = chromedp.Do(ctx, chromedp.Navigate("about:blank"))
}

// tab is a window of the browser, without cookies and storage of others, that records what the page
// in it does.
type tab struct {
	t   testing.TB
	ctx context.Context

	mu       sync.Mutex
	requests []string // addresses
	faults   []string // errors in the console, exceptions, refusals of the policy, dialogs
}

// newTab opens a tab.
func newTab(t testing.TB) *tab {
	t.Helper()
	path := programs.Need(t, "chromium")
	chromium.Do(func() { startChromium(path) })
	if chromium.err != nil {
		t.Fatal(chromium.err)
	}
	b := &tab{t: t}
	ctx, cancel := context.WithTimeout(chromium.ctx, 4*patience)
	t.Cleanup(cancel)
	b.ctx, cancel = chromedp.NewContext(ctx, chromedp.WithNewBrowserContext(), chromedp.WithListener(b.record))
	t.Cleanup(cancel)
	_, err := chromedp.Call(b.ctx, audits.Enable, cdp.Empty{})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// record keeps an event.
func (b *tab) record(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	fault := func(format string, args ...any) { b.faults = append(b.faults, fmt.Sprintf(format, args...)) }
	switch event := event.(type) {
	case *network.EventRequestWillBeSent:
		b.requests = append(b.requests, event.Request.URL)
	case *runtime.EventExceptionThrown:
		fault("exception: %s %s", event.ExceptionDetails.Text, said(event.ExceptionDetails.Exception))
	case *runtime.EventConsoleAPICalled:
		if event.Type == runtime.ConsoleAPICalledTypeError || event.Type == runtime.ConsoleAPICalledTypeWarning {
			fault("console: %s: %s", event.Type, said(event.Args...))
		}
	case *log.EventEntryAdded:
		if event.Entry.Level == log.EntryLevelError || event.Entry.Level == log.EntryLevelWarning {
			fault("console: %s: %s %s", event.Entry.Level, event.Entry.Text, event.Entry.URL)
		}
	case *audits.EventIssueAdded:
		if policy := event.Issue.Details.ContentSecurityPolicyIssueDetails; policy != nil {
			fault("policy: %s refused %s", policy.ViolatedDirective, policy.BlockedURL)
		}
	case *cdpage.EventJavascriptDialogOpening:
		fault("dialog: %s", event.Message)
	}
}

// said returns values as the console prints them.
func said(args ...*runtime.RemoteObject) string {
	var words []string
	for _, arg := range args {
		if arg != nil {
			words = append(words, cmp.Or(arg.Description, string(arg.Value)))
		}
	}
	return strings.Join(words, " ")
}

// do runs actions, and fails the test if they do.
func (b *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.t.Fatal(err)
	}
}

// evaluate returns the value of an expression of JavaScript, which may be a promise.
func evaluate[T any](b *tab, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// until waits until an expression of JavaScript is true, and returns how long that took. (The
// waits of chromedp compile text in the page, which its policy refuses.)
func (b *tab) until(what, expression string) time.Duration {
	b.t.Helper()
	begin := time.Now()
	for time.Since(begin) < patience {
		holds, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool]("Boolean("+expression+")"))
		if err == nil && holds {
			return time.Since(begin)
		}
		time.Sleep(10 * time.Millisecond)
	}
	b.t.Fatalf("%s: not within %v: %s\n%s", what, patience, expression, strings.Join(b.faultsNow(), "\n"))
	return 0
}

// look sets how the page is shown: its size, the theme (light, dark) and the medium (screen, print).
func (b *tab) look(width, height int64, theme, medium string) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(width, height))
	b.media(medium, "prefers-color-scheme", theme)
}

// media sets the medium and one of its features.
func (b *tab) media(medium, feature, value string) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Media: medium, Features: []*emulation.MediaFeature{{Name: feature, Value: value}}})
	if err != nil {
		b.t.Fatal(err)
	}
}

// zone sets the reader's time zone.
func (b *tab) zone(name string) {
	b.t.Helper()
	if _, err := chromedp.Call(b.ctx, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: name}); err != nil {
		b.t.Fatal(err)
	}
}

// withoutScript switches JavaScript off.
func (b *tab) withoutScript() {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	if err != nil {
		b.t.Fatal(err)
	}
}

// faultsNow returns what the page has done wrong so far.
func (b *tab) faultsNow() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.faults)
}

// innocent fails the test if the page did something wrong, or sent a request to another place than
// one.
func (b *tab) innocent(host string) {
	b.t.Helper()
	for _, fault := range b.faultsNow() {
		b.t.Errorf("the page: %s", fault)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.requests) == 0 {
		b.t.Error("no request was recorded")
	}
	for _, request := range b.requests {
		if u, err := url.Parse(request); err != nil || u.Host != host {
			b.t.Errorf("the page sent a request elsewhere: %s", request)
		}
	}
}

// screenshot writes what the tab shows to a file of the folder that SCREENSHOTS names, if any.
func (b *tab) screenshot(name string) {
	b.t.Helper()
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		return
	}
	b.picture(dir+"/"+name+".png", false)
}

// picture writes a picture of the tab, or of the whole page, to a file.
func (b *tab) picture(path string, whole bool) {
	b.t.Helper()
	take := chromedp.CaptureScreenshot()
	if whole {
		take = chromedp.FullScreenshot(100)
	}
	png, err := chromedp.Run(b.ctx, take)
	if err == nil {
		err = os.WriteFile(path, png, 0o644) //nolint:gosec // part of the documentation
	}
	if err != nil {
		b.t.Fatal(err)
	}
}
