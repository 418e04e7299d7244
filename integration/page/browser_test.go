// SPDX-License-Identifier: Apache-2.0

// Package page tests the page of the load balancer in a browser: what it shows and does, that it
// runs nothing but its own script, and that everyone can read it.
package page

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
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
	requests []string // methods and addresses
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
		b.requests = append(b.requests, event.Request.Method+" "+event.Request.URL)
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

// faultsNow returns what the page has done wrong so far.
func (b *tab) faultsNow() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.faults)
}

// requestsNow returns the requests so far, with their methods.
func (b *tab) requestsNow() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.requests)
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
		_, address, _ := strings.Cut(request, " ")
		if u, err := url.Parse(address); err != nil || u.Host != host && u.Scheme != "data" {
			b.t.Errorf("the page sent a request elsewhere: %s", request)
		}
	}
}
