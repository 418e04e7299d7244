// SPDX-License-Identifier: Apache-2.0

package sample_test

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// An expression is a fetch with converters. The client's address is known from the start, so the
// verdict is Pass at once.
func ExampleLoader_Expression() {
	e, err := new(sample.Loader).Expression("src,ipmask(24)")
	if err != nil {
		fmt.Println(err)
		return
	}
	value, verdict := e.Eval(&sample.Input{Source: netip.MustParseAddrPort("192.0.2.7:40000")})
	fmt.Println(value, verdict == sample.Pass)
	// Output: 192.0.2.0 true
}

// The criterion of HAProxy's "acl shop req.ssl_sni -i -m end .shop.test", without the name.
// While the ClientHello is incomplete the verdict is Miss: further bytes may bring the name.
func ExampleACL_Match() {
	c, err := sample.ParseCriterion([]string{"req.ssl_sni", "-i", "-m", "end", ".shop.test"})
	if err != nil {
		fmt.Println(err)
		return
	}
	acl, err := new(sample.Loader).Criterion(c)
	if err != nil {
		fmt.Println(err)
		return
	}
	names := map[sample.Verdict]string{sample.Fail: "Fail", sample.Miss: "Miss", sample.Pass: "Pass"}
	sent := hellotest.Plain(hellotest.SNI("www.Shop.test")).Raw()
	client := clienthello.NewInspection(0)
	client.Feed(sent[:20])
	fmt.Println(names[acl.Match(&sample.Input{Hello: client})])
	client.Feed(sent[20:])
	fmt.Println(names[acl.Match(&sample.Input{Hello: client})])
	// Output:
	// Miss
	// Pass
}

// A format is text with expressions in it, as use_backend accepts.
func ExampleLoader_Format() {
	f, err := new(sample.Loader).Format("bk_%[req.ssl_sni,field(1,.),lower]")
	if err != nil {
		fmt.Println(err)
		return
	}
	client := clienthello.NewInspection(0)
	client.Feed(hellotest.Plain(hellotest.SNI("WWW.shop.test")).Raw())
	fmt.Println(f.String(&sample.Input{Hello: client}))
	// Output: bk_www
}

// A map file is read when the expression is loaded; Open can provide it from elsewhere.
func ExampleLoader_open() {
	l := &sample.Loader{Open: func(name string) ([]byte, error) {
		return []byte(".shop.test bk_shop\n.mail.test bk_mail\n"), nil
	}}
	e, err := l.Expression("var(sess.name),map_end(/etc/proxy/backends.map,bk_default)")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, name := range []string{"www.shop.test", "other.test"} {
		value, _ := e.Eval(&sample.Input{Var: func(string) (sample.Value, bool) { return sample.Text(name), true }})
		fmt.Println(value)
	}
	// Output:
	// bk_shop
	// bk_default
}

// HAProxy has this converter, and this package lacks it: that is another error than a typing
// mistake.
func ExampleUnsupported() {
	_, err := new(sample.Loader).Expression("req.ssl_sni,xxh3")
	_, unsupported := errors.AsType[*sample.Unsupported](err)
	fmt.Println(unsupported, err)
	// Output: true converter 'xxh3' is not supported: no maintained library implements it; use xxh64
}
