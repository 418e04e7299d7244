// SPDX-License-Identifier: Apache-2.0

package page

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// hostile are texts that would run a script, or change the document, where a page does not escape
// them.
var hostile = []string{
	`<script>xss()</script>`,
	`<img src=x onerror=xss()>`,
	`"><svg onload=xss()>`,
	`' onmouseover='xss()`,
	`" autofocus onfocus="xss()`,
	`javascript:xss()`,
	`</td></tr></table><iframe srcdoc="<script>parent.xss()</script>">`,
	`</title></textarea></style><script>xss()</script>`,
	`{{.}}${xss()}<%=xss()%>`,
	"a\x00\x1b[31m\r\nevent: full\r\ndata: {}\r\n\r\n",
	"\u202e\u2066<b>\u2069",
	`&lt;script&gt;xss()&lt;/script&gt;`,
	`\u003cscript\u003exss()\u003c/script\u003e`,
}

// Names of clients, certificates and answers of servers, and words of the configuration are shown
// as text.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	whole(t)
	var backends strings.Builder
	for i, text := range hostile {
		fmt.Fprintf(&backends, "backend tls%d {\nserver s1 %s\ncheck tls {\ninterval 1s\nverify none\n}\n}\n", i, certified(t, text, 30))
		fmt.Fprintf(&backends, "backend http%d {\nserver s1 %s\ncheck http {\ninterval 1s\n}\n}\n", i, answering(t, text))
	}
	r := newRig(t, backends.String(), "default_backend tls0", "allow_control\ntitle `"+hostile[0]+"`\nnode `"+hostile[1]+"`\ndescription `"+hostile[2]+"`")
	for _, name := range hostile {
		r.hello(t, name)
	}
	b := newTab(t)
	r.show(b, "backends")
	b.until("the checks of HTTP have failed", `document.querySelector("#servers-http0 tbody td").textContent.startsWith("DOWN")`)
	for _, view := range r.views(b) {
		r.show(b, view)
		b.harmless(view)
	}
	for _, name := range hostile {
		b.do(chromedp.Navigate(r.url("backends&backend=" + url.QueryEscape(name) + "&filter=" + url.QueryEscape(name))))
		b.harmless(fmt.Sprintf("backend %q", name))
		b.do(chromedp.Navigate(r.url(url.QueryEscape(name))))
		b.harmless(fmt.Sprintf("view %q", name))
	}
	for _, fault := range b.faultsNow() {
		if !strings.Contains(fault, "404") && !strings.Contains(fault, "400") { // views do not exist
			t.Error(fault)
		}
	}
}

// certified starts a TLS server whose certificate has a text wherever it may have one, and some
// days left.
func certified(t testing.TB, text string, days int) (address string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ascii := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, text)
	name := pkix.Name{CommonName: text, Organization: []string{text}}
	cert := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: name, Issuer: name, NotAfter: time.Now().AddDate(0, 0, days), DNSNames: []string{ascii, "*.shared.test"}, EmailAddresses: []string{ascii}}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	return programs.Listen(t, patience, func(c *net.TCPConn) { _ = tls.Server(c, config).Handshake() })
}

// answering starts a server that fails HTTP checks with a text.
func answering(t testing.TB, text string) (address string) {
	t.Helper()
	line, _, _ := strings.Cut(text, "\r")
	return programs.Listen(t, patience, func(c *net.TCPConn) {
		_, _ = bufio.NewReader(c).ReadString('\n')
		fmt.Fprintf(c, "HTTP/1.0 500 %s\r\nServer: %s\r\n\r\n%s", line, line, text)
	})
}

// hello opens a session by a ClientHello with a server name, which stays until the test ends.
func (r *rig) hello(t testing.TB, name string) {
	t.Helper()
	c, err := net.Dial("tcp", r.front)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := c.Write(hellotest.Plain(hellotest.SNI(name)).Raw()); err != nil {
		t.Fatal(err)
	}
}

// harmless fails the test if markup of a hostile text is in the document, or ran.
func (b *tab) harmless(what string) {
	b.t.Helper()
	b.do(chromedp.Evaluate[chromedp.Void](`for (const e of document.querySelectorAll("main *")) { e.dispatchEvent(new MouseEvent("mouseover")); e.title && e.focus?.() }`))
	found := evaluate[[]string](b, `[...document.querySelectorAll("main :is(script, img, iframe, style, b:not(.now)), [onload], [onerror], [onfocus], [onmouseover], [srcdoc], [href^='javascript'], svg:not(.graph svg, .picture svg)")].map(e => e.outerHTML.slice(0, 100))`)
	if len(found) > 0 {
		b.t.Errorf("%s: markup in the document: %q", what, found)
	}
	if got := evaluate[string](b, `typeof xss`); got != "undefined" {
		b.t.Errorf("%s: xss is %s", what, got)
	}
}
