// SPDX-License-Identifier: Apache-2.0

package page

import (
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	cdpage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// shots are the pictures of docs/page.md, by the names of their files.
var shots = []struct {
	name, view, theme string
	width, height     int64
}{
	{"page-overview", "overview", "light", 1280, 800},
	{"page-backends", "backends", "dark", 1280, 800},
	{"page-flow", "flow", "light", 1280, 700},
	{"page-names", "names", "light", 1280, 800},
	{"page-certificates", "certificates", "dark", 1280, 420},
	{"page-phone", "overview", "dark", 390, 844},
}

// TestPictures takes the pictures of docs/page.md, after traffic for the duration that PICTURES
// holds (make page-pictures).
func TestPictures(t *testing.T) {
	lasting, err := time.ParseDuration(os.Getenv("PICTURES"))
	if err != nil {
		t.Skip("runs in make page-pictures")
	}
	r := pictured(t)
	for _, change := range [][2]string{{"web/servers/web3", `{"admin": "drain"}`}, {"web/servers/web6", `{"admin": "maint"}`}, {"api/servers/api2", `{"weight": "50%"}`}} {
		r.patch(t, "backends/"+change[0], change[1])
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	for n := range 24 {
		go r.visit(ctx, n)
	}
	time.Sleep(lasting)
	b := newTab(t)
	b.zone("Europe/Berlin")
	for _, s := range shots {
		b.look(s.width, s.height, s.theme, "screen")
		r.show(b, s.view)
		time.Sleep(1500 * time.Millisecond) // for changes that are animated
		b.screenshot(s.name)
		b.webp(filepath.Join("..", "..", "docs", "pictures", s.name+".webp"))
	}
	b.innocent(r.host)
}

// pictured starts a program with backends in all states, to take pictures of.
func pictured(t testing.TB) *rig {
	t.Helper()
	good, failing := newServer(t), newServer(t)
	checked := "check tcp {\ninterval 1s\n}"
	var b strings.Builder
	fmt.Fprintf(&b, "backend web {\nbalance leastconn\nfullconn 200\n")
	for i := range 8 {
		fmt.Fprintf(&b, "server web%d %s maxconn 20\n", i+1, good.at(i))
	}
	fmt.Fprintf(&b, "%s\n}\nbackend api {\nserver api1 %s\nserver api2 %s\nserver api3 %s\nserver api4 %s backup\n%s\n}\n", checked, good.at(20), good.at(21), failing.at(22), good.at(23), checked)
	fmt.Fprintf(&b, "backend mail {\nserver mail1 %s\nserver mail2 %s\n%s\n}\n", failing.at(30), failing.at(31), checked)
	fmt.Fprintf(&b, "backend shop {\nserver shop1 %s\nserver shop2 %s\ncheck tls {\ninterval 1s\nverify none\n}\n}\n", certified(t, "shop.example.com", 12), certified(t, "shop.example.com", 80))
	fmt.Fprint(&b, good.backend("storage", 120, checked))
	rules := "inspect_delay 5s\nuse_backend api sni api.example.com\nuse_backend mail sni imap.example.com smtp.example.com\nuse_backend shop sni shop.example.com\nuse_backend storage sni *.storage.example.com\nuse_backend web sni example.com *.example.com"
	r := newRig(t, b.String(), rules, "allow_control\ntitle `Edge Frankfurt`\nnode lb1")
	time.Sleep(3 * time.Second)
	failing.stop()
	return r
}

// visited are the names that visitors ask for, the more often the earlier.
var visited = []string{"www.example.com", "www.example.com", "api.example.com", "www.example.com", "shop.example.com", "a.storage.example.com", "blog.example.com", "api.example.com", "b.storage.example.com", "imap.example.com", "old.example.net"}

// visit opens sessions one after another, more in some minutes than in others.
func (r *rig) visit(ctx context.Context, n int) {
	for ctx.Err() == nil {
		wave := 1 + math.Sin(float64(time.Now().Unix())/40+float64(n)/30)
		time.Sleep(time.Duration((2.2 - wave) * float64(150+rand.IntN(500)) * float64(time.Millisecond)))
		if c, err := net.Dial("tcp", r.front); err == nil {
			r.talk(c)
		}
	}
}

// talk sends a hello and bytes, waits for the echo, and stays for a while.
func (*rig) talk(c net.Conn) {
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	name := visited[rand.IntN(len(visited))]
	hello := hellotest.Plain(hellotest.SNI(name)).Raw()
	body := make([]byte, rand.IntN(1<<18))
	go func() { _, _ = c.Write(append(hello, body...)) }()
	if _, err := io.ReadFull(c, make([]byte, len(hello)+len(body))); err == nil {
		time.Sleep(time.Duration(rand.IntN(3000)) * time.Millisecond)
	}
}

// patch changes something at the admin endpoint.
func (r *rig) patch(t testing.TB, path, change string) {
	t.Helper()
	request, err := http.NewRequest(http.MethodPatch, "http://"+r.admin+"/passthrough/"+path, strings.NewReader(change))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode >= 300 {
		t.Fatalf("PATCH %s: %s", path, answer.Status)
	}
}

// webp writes a picture of the tab to a file.
func (b *tab) webp(path string) {
	b.t.Helper()
	quality := int64(80)
	answer, err := chromedp.Call(b.ctx, cdpage.CaptureScreenshot, cdpage.CaptureScreenshotParams{Format: cdpage.CaptureScreenshotFormatWebp, Quality: &quality})
	if err == nil {
		err = os.WriteFile(path, answer.Data, 0o644)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}
