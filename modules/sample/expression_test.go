// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"io/fs"
	"net/netip"
	"os"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// files is a Loader's Open: it holds files by name and counts how often each is read.
type files struct {
	content map[string]string
	opened  map[string]int
}

func (f *files) open(name string) ([]byte, error) {
	if f.opened == nil {
		f.opened = make(map[string]int)
	}
	f.opened[name]++
	if content, ok := f.content[name]; ok {
		return []byte(content), nil
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

func mustExpression(t testing.TB, l *Loader, text string) *Expression {
	t.Helper()
	e, err := l.Expression(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return e
}

// testInput is the input of a client that has sent a hello, with addresses and variables.
func testInput(final bool) *Input {
	hello := hellotest.Plain(hellotest.SNI("Www.Example.com"), hellotest.ALPN("h2", "http/1.1"), hellotest.Groups(29))
	return &Input{
		Hello: inspect(hello.Raw()), Final: final, Source: netip.MustParseAddrPort("[::ffff:10.1.2.3]:1234"),
		Destination: netip.MustParseAddrPort("[2001:db8::1]:443"), Var: oracleVariables,
	}
}

// TestExpressions has expressions that HAProxy 2.6 does not support, and some that it does, for
// hosts without HAProxy.
func TestExpressions(t *testing.T) {
	t.Setenv("SAMPLE_TEST", "from env")
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	f := &files{content: map[string]string{"m": "Www be_www\nexample ex\n.com dot\n"}}
	l := &Loader{Open: f.open}
	for text, want := range map[string]string{
		"req.ssl_sni": "Www.Example.com", "req.ssl_sni,lower": "www.example.com", "req_ssl_sni,upper,length": "15",
		"req.ssl_alpn": "h2", "req.ssl_ver": "196611", "req.ssl_hello_type": "1", "req.ssl_ec_ext": "1", "req.ssl_st_ext": "0",
		"src": "10.1.2.3", "src_port": "1234", "dst": "2001:db8::1", "dst_port": "443", "src,ipmask(8)": "10.0.0.0",
		"dst,ipmask(8,32)": "2001:db8::", "dst,ipmask(8)": "none", "dst,ipmask(8,ffff::)": "2001::", "wait_end": "1",
		"env(SAMPLE_TEST)": "from env", "env(SAMPLE_TEST_NONE)": "none", "hostname": host, "always_true": "1", "always_false": "0",
		"var(txn.name)": "Www.Example.com", "var(sess.none)": "none", "var(sess.none,x)": "x", "var(sess.none,)": "",
		"req.ssl_sni,word(1,.)": "Www", "req.ssl_sni,word(4,.)": "none", "req.ssl_sni,word(-4,.)": "none",
		"str(....),word(1,.)": "none", "str(),word(1,.)": "none", "str(....),word(-1,.)": "none",
		"req.ssl_sni,field(4,.)": "none", "req.ssl_sni,bytes(txn.seven)": "mple.com", "req.ssl_sni,bytes(4,txn.seven)": "Example",
		"req.ssl_sni,bytes(txn.none)": "none", "req.ssl_sni,bytes(1,txn.none)": "none", "req.ssl_sni,bytes(15)": "", "req.ssl_sni,bytes(99,1)": "",
		"req.ssl_sni,map_beg_key(m)": "Www", "req.ssl_sni,lower,map_sub_key(m)": "example", "req.ssl_sni,map_end_key(m,x)": ".com",
		"req.ssl_sni,lower,map_beg_key(m,x)": "x", "req.ssl_sni,map_dom(m)": "be_www", "req.ssl_sni,map(m)": "none",
		"str(aGVsbG8=),ub64dec": "hello", "str(aGVs\nbG8=),b64dec": "none", "int(5),iif(a,b)": "a", "bool(false),iif(a,b)": "b",
		"req.ssl_sni,,lower,": "www.example.com", "str('a,b)\"'),concat(\"'\")": "a,b)\"'", "ssl_fc": "0", "ssl_fc_sni": "none",
		"req.ssl_sni,concat(,txn.seven,)": "Www.Example.com7", "str(a),strcmp(txn.name)": "1", "str(A),strcmp(txn.name)": "-1",
		"req.payload(0,1),hex": "16", "req.payload_lv(3,2),hex,bytes(0,2)": "01", "payload(1,2),be2dec(.,1)": "3.1",
		"req.payload_lv(0,3) ": "error", "req.ssl_sni lower": "error", "int(9),mod(txn.seven)": "2", "int(1),add(txn.name)": "1",
	} {
		e, err := l.Expression(text)
		if err != nil {
			if want != "error" {
				t.Errorf("%s: %v", text, err)
			}
			continue
		}
		got := "none"
		if v, verdict := e.Eval(testInput(true)); verdict == Pass {
			got = v.String()
		} else if verdict == Miss {
			got = "miss"
		}
		if got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

// TestConverters has values that were compared with HAProxy's, for hosts without HAProxy.
func TestConverters(t *testing.T) {
	l := &Loader{Open: (&files{content: map[string]string{"n": "a 5\nb -6\n", "i": "a 10.1.2.3\n"}}).open}
	for text, want := range map[string]string{
		"str(..a..b..c..),word(2,.)": "b", "str(..a..b..c..),word(-3,.)": "a", "str(..a..b..c..),word(1,.,2)": "a..b",
		"str(..a..b..c..),word(2,.,0)": "b..c..", "str(..a..b..c..),word(2,.,5)": "b..c..", "str(..a..b..c..),word(-1,.,2)": "b..c",
		"str(..a..b..c..),word(-2,.,0)": "..a..b", "str(a..b..c),field(2,.)": "", "str(a..b..c),field(3,.,2)": "b.", "str(.a.),field(-1,.)": "",
		"str(a.b),word(2,.)": "b", "str(a.b.),word(2,.)": "b", "str(a.b.c),field(-2,.)": "b", "str(),field(1,.)": "",
		"str(abc),regsub(b,\\x41)": "aAc", "str(abc),regsub(b,\\0\\0)": "abbc", "str(abc),regsub(x*,-,g)": "-a-b-c-", "str(axb),regsub(x*,-,g)": "-a--b-",
		"str(),regsub(x*,-,g)": "-", "str(abc),regsub(c,,g)": "ab", "str(aaa),regsub(a,b)": "baa", "str(abab),regsub(b|^a,-,g)": "--a-",
		"str(AbA),regsub(a,-,gi)": "-b-", "str(abc),regsub('(a)|(b)','<\\1\\2\\3>',g)": "<a><b>c", "str(abc),regsub(^.,X,g)": "Xbc", "str(abc),regsub(b,\\y)": "ayc",
		"str(abcde),be2hex(:,2)": "6162:6364:65", "str(abcde),be2hex(:,2,1)": "6162:6364", "str(abcd),be2hex(:,2,1)": "6162:6364", "str(abc),be2hex()": "616263",
		"str(abcde),be2hex(,2,1)": "61626364", "str(abc),be2dec(.,2)": "24930.99", "str(abc),be2dec(.,2,1)": "24930", "str(ab),be2dec(.,2,1)": "24930",
		"str(fF),hex2i": "255", "str(fg),hex2i": "none", "str(),hex2i": "0", "str(aGVsbG8=),b64dec": "hello", "str(hello),base64": "aGVsbG8=",
		"str(>>?),ub64enc": "Pj4_", "str(a+b?c+d%41),url_dec": "a+b?c dA", "str(%41),url_dec": "A", "str(a%4),url_dec": "none", "str(%4g),url_dec": "none",
		"str(a+b),url_dec(1)": "a b", "str(a+b),url_dec(0)": "a+b", "ipv6(::ffff:1.2.3.4),ipmask(16)": "1.2.0.0", "ipv6(::ffff:1.2.3.4),ipmask(16,8)": "1.2.0.0",
		"ipv4(1.2.3.4),ipmask(255.0.0.255)": "1.0.0.4", "int(5),and(4)": "4", "int(5),or(2)": "7", "int(5),xor(1)": "4", "int(5),odd": "1", "int(5),even": "0",
		"int(5),neg": "-5", "int(5),cpl": "-6", "int(0),not": "1", "int(5),bool": "1", "int(5),sub(7)": "-2", "int(5),mul(-3)": "-15", "int(17),div(5)": "3",
		"int(1),add(txn.none)": "none", "str(a.b),field(2,.,)": "b", "str(a),url_dec()": "a", "str(a),map_str_int(n)": "5", "str(c),map_str_int(n,7)": "7", "str(c),map_str_int(n)": "none",
		"str(a),map_str_ip(i)": "10.1.2.3", "str(c),map_str_ip(i,::1)": "::1", "str(c),map_str_ip(i)": "none", "str(c),map_str_key(i,)": "",
		"bool": "error", "str": "", "str()": "", "str,map": "error", "str(a),add": "0", "str(a),concat": "a", "env": "none",
	} {
		e, err := l.Expression(text)
		if err != nil {
			if want != "error" {
				t.Errorf("%s: %v", text, err)
			}
			continue
		}
		got := "none"
		if v, verdict := e.Eval(testInput(true)); verdict == Pass {
			got = v.String()
		}
		if got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

// TestEmptyInputHasNoValues has no hello, addresses or variables.
func TestEmptyInputHasNoValues(t *testing.T) {
	for text, want := range map[string]Verdict{
		"req.ssl_sni": Miss, "req.ssl_ver": Miss, "req.ssl_st_ext": Miss, "req.len": Miss, "req.payload(0,0)": Miss,
		"req.payload(0,1)": Miss, "wait_end": Miss, "req.len,add(1)": Miss, "req.payload(0,0),hex2i": Miss,
		"src": Fail, "dst_port": Fail, "var(txn.x)": Fail, "str(a)": Pass, "ssl_fc": Pass, "ssl_fc_alpn": Fail, "str(x),hex2i": Fail,
	} {
		e := mustExpression(t, new(Loader), text)
		if _, got := e.Eval(&Input{}); got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
		if _, got := e.Eval(&Input{Final: true}); got == Miss {
			t.Errorf("%s is a Miss in the end", text)
		}
	}
}

// TestChangingValue has a value although the verdict is Miss.
func TestChangingValue(t *testing.T) {
	in := testInput(false)
	size := len(in.Hello.Bytes())
	v, verdict := mustExpression(t, new(Loader), "req.len").Eval(in)
	if verdict != Miss || v.Int() != int64(size) {
		t.Errorf("%v, %v", v, verdict)
	}
	in.Final = true
	if v, verdict = mustExpression(t, new(Loader), "req.len").Eval(in); verdict != Pass || v.Int() != int64(size) {
		t.Errorf("%v, %v", v, verdict)
	}
}

// TestBytesOfChangingValue waits for bytes that may still arrive, and cuts data that will not grow.
func TestBytesOfChangingValue(t *testing.T) {
	for _, c := range []struct {
		text  string
		final bool
		want  string
		was   Verdict
	}{
		{"req.payload(0,0),bytes(1,3)", false, "", Miss},
		{"req.payload(0,0),bytes(1,2)", false, "SH", Miss},
		{"req.payload(0,0),bytes(3)", false, "", Miss},
		{"req.payload(0,0),bytes(1,3)", true, "SH", Pass},
		{"req.payload(0,3),bytes(1,3)", false, "SH", Pass},
		{"req.payload(0,3),bytes(5)", false, "", Pass},
		{"req.payload(0,0),bytes(3)", true, "", Pass},
	} {
		v, verdict := mustExpression(t, new(Loader), c.text).Eval(&Input{Hello: inspect([]byte("SSH")), Final: c.final})
		if verdict != c.was || v.String() != c.want {
			t.Errorf("%s, %v: %q, %v; want %q, %v", c.text, c.final, v, verdict, c.want, c.was)
		}
	}
	// The verdict must not precede the bytes.
	acl := mustLoad(t, []string{"req.payload(0,0),bytes(3)", "-m", "len", "0"})
	if got := acl.Match(&Input{Hello: inspect([]byte("SSH"))}); got != Miss {
		t.Error(got)
	}
	acl = mustLoad(t, []string{"req.payload(0,0),bytes(0,4)", "-m", "str", "SSH"})
	if got := acl.Match(&Input{Hello: inspect([]byte("SSH"))}); got != Miss {
		t.Error(got)
	}
}

func TestNeedsRequest(t *testing.T) {
	for text, want := range map[string]bool{
		"req.ssl_sni,lower": true, "req.len": true, "wait_end": true, "payload(0,1)": true, "req.ssl_alpn": true, "req.ssl_ver": true,
		"req.ssl_ec_ext": true, "req.ssl_st_ext": true, "req.ssl_hello_type": true, "req.payload_lv(0,1)": true,
		"src": false, "dst_port": false, "str(a)": false, "var(txn.x)": false, "ssl_fc_sni": false, "always_true": false,
	} {
		if got := mustExpression(t, new(Loader), text).NeedsRequest(); got != want {
			t.Errorf("%s: %v", text, got)
		}
		if got := mustLoad(t, []string{text, "-m", "found"}).NeedsRequest(); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}
