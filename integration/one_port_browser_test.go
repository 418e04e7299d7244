// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
)

const browserConfig = `{
	admin ADMIN
	storage file_system STATE
	auto_https disable_redirects
	https_port PORT
	http_port 1
	default_bind durable/127.0.0.1
}
:PORT {
	log
	tls OWN.pem OWN.key
	passthrough pass.browser.test SERVER
}
own.browser.test, h3.browser.test {
	tls OWN.pem OWN.key
	respond "own {http.request.host}"
}
`

// A browser shows the page of each name, with its certificate, where the certificate of own sites
// covers the name that is passed through, too: it tries to reuse its connections to own sites for
// that name, and gets the answer 421.
func TestOnePortInBrowser(t *testing.T) {
	t.Parallel()
	chromium, a, address := programs.Need(t, "chromium"), newAuthority(t), freeAddress(t)
	own, ownKey := a.issue(t, "*.browser.test", 30)
	cert, key := a.issue(t, "pass.browser.test", 30)
	server, port := freeAddress(t), portOf(t, address)
	passed := &http.Server{Addr: server, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Alt-Svc", `h3=":`+port+`"; ma=3600`)
		fmt.Fprintf(w, "passed %s %s", r.Proto, r.Host)
	})}
	t.Cleanup(func() { passed.Close() })
	go func() { _ = passed.ListenAndServeTLS(cert, key) }()

	p := &process{dir: t.TempDir(), admin: freeAddress(t)}
	text := strings.NewReplacer("ADMIN", p.admin, "STATE", filepath.Join(p.dir, "state"), "PORT", port, "SERVER", server, "OWN.pem", own, "OWN.key", ownKey).Replace(browserConfig)
	if err := os.WriteFile(filepath.Join(p.dir, "Caddyfile"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p.run(t, "Caddyfile", 0)

	b := startBrowser(t, chromium, "h3.browser.test:"+port, own, ownKey, cert, key)
	for i, want := range []page{
		{"own.browser.test", "h2", "*.browser.test", "own own.browser.test"},
		{"pass.browser.test", "h2", "pass.browser.test", "passed HTTP/2.0 pass.browser.test:" + port},
		{"own.browser.test", "h2", "*.browser.test", "own own.browser.test"},
		{"h3.browser.test", "h3", "*.browser.test", "own h3.browser.test"},
		{"pass.browser.test", "h2", "pass.browser.test", "passed HTTP/2.0 pass.browser.test:" + port},
	} {
		if got, err := b.open(want.host, port); err != nil || got != want {
			t.Errorf("page %d: %+v (%v), want %+v", i+1, got, err, want)
		}
	}
	misdirected := regexp.MustCompile(`"host":"pass\.browser\.test:.*"status":421`)
	if !misdirected.MatchString(p.log()) {
		t.Errorf("the browser did not try to reuse a connection:\n%s", p.log())
	}
}

// page is a page that the browser shows.
type page struct {
	host, protocol string
	certificate    string // its subject
	text           string
}

// browser is a running browser with one window.
type browser struct {
	ctx context.Context
}

// startBrowser starts a browser that trusts certificates, given with their keys, and uses HTTP/3 at
// one address.
func startBrowser(t *testing.T, chromium, quic string, pairs ...string) *browser {
	t.Helper()
	var trusted []string
	for i := 0; i < len(pairs); i += 2 {
		pair, err := tls.LoadX509KeyPair(pairs[i], pairs[i+1])
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(pair.Leaf.RawSubjectPublicKeyInfo)
		trusted = append(trusted, base64.StdEncoding.EncodeToString(sum[:]))
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()), chromedp.WSURLReadTimeout(patience),
		chromedp.Flag("host-resolver-rules", "MAP *.browser.test 127.0.0.1"),
		chromedp.Flag("ignore-certificate-errors-spki-list", strings.Join(trusted, ",")),
		chromedp.Flag("origin-to-force-quic-on", quic))
	ctx, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, closeWindow := chromedp.NewContext(ctx)
	t.Cleanup(closeWindow)
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatal(err)
	}
	return &browser{ctx}
}

// open opens a page in a tab of its own.
func (b *browser) open(host, port string) (p page, err error) {
	ctx, cancel := chromedp.NewContext(b.ctx)
	defer cancel()
	ctx, cancelTimeout := context.WithTimeout(ctx, patience)
	defer cancelTimeout()
	p.host = host
	response, err := chromedp.Run(ctx, chromedp.NavigateResponse("https://"+host+":"+port+"/"))
	if err != nil {
		return p, err
	}
	p.protocol = response.Protocol
	if response.SecurityDetails != nil {
		p.certificate = response.SecurityDetails.SubjectName
	}
	p.text, err = chromedp.Run(ctx, chromedp.Text("body"))
	return p, err
}
