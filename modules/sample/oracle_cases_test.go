// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// oracleInputs returns the bytes that the clients send.
func oracleInputs(t *testing.T) map[string][]byte {
	t.Helper()
	ticket := func(data string) []byte { return hellotest.Extension(35, []byte(data)) }
	plain := hellotest.Plain
	old := plain(hellotest.SNI("old.example"))
	old.Version = 0x0301
	emptyBlock, short := plain(), plain()
	emptyBlock.Extensions = []byte{}
	short.SessionID, short.CipherSuites, short.Extensions = nil, hellotest.Uint16s(0x1301), []byte{}
	return map[string][]byte{
		"a hello for api.example.com": hellotest.Hello(t, "api.example.com", "h2", "http/1.1"),
		"a hello for example.com":     hellotest.Hello(t, "example.com", "http/1.1"),
		"a hello for wild.test":       hellotest.Hello(t, "wild.test"),
		"a hello for no name":         hellotest.Hello(t, "", "acme-tls/1", "h2"),
		"a hello in mixed case":       plain(hellotest.SNI("Www.Example.com"), hellotest.ALPN("H2", "x")).Raw(),
		"a hello with a dot":          plain(hellotest.SNI("example.com."), ticket("")).Raw(),
		"a hello with more after it":  plain(hellotest.SNI("example.com.evil.net"), ticket("abc")).Raw(),
		"a hello with an address":     plain(hellotest.SNI("10.1.2.3"), hellotest.Groups(29)).Raw(),
		"a hello with an odd name":    plain(hellotest.SNI("a..b/c?d:e-%2B%41+")).Raw(),
		"a hello with a number":       plain(hellotest.SNI("42abc")).Raw(),
		"a hello with base64":         plain(hellotest.SNI("aGVsbG8=")).Raw(),
		"a hello of TLS 1.0":          old.Raw(),
		"a hello without extensions":  plain().Raw(),
		"a hello with an empty block": emptyBlock.Raw(),
		"a short hello, empty block":  short.Raw(),
		"a hello and more":            append(plain(hellotest.SNI("example.com")).Raw(), "more"...),
		"a cut hello":                 plain(hellotest.SNI("example.com")).Raw()[:50],
		"HTTP":                        []byte("GET / HTTP/1.1\r\n\r\n"),
		"an HTTP request": []byte("GET /a/b.txt?x=1&y=a,b HTTP/1.1\r\nHost: Www.Example.com\r\nX-List: a, \"b,c\" ,, d\r\nx-list:e\r\n" +
			"X-Ip: 10.1.2.3\r\nX-N: 42abc\r\nX-Empty:\r\nContent-Length: 3\r\n\r\nabc"),
		"an absolute URI":     []byte("POST http://h.test:80/p?q HTTP/1.0\r\nHost: h.test:80\r\n\r\n"),
		"a URI of authority":  []byte("CONNECT h.test:8443 HTTP/1.1\r\nHost: h.test:8443\r\nContent-Length: 0\r\n\r\n"),
		"HTTP with newlines":  []byte("\r\n\nOPTIONS * HTTP/1.1\nHost:\ta.test \nX-Two: a b \n\n"),
		"HTTP/0.9":            []byte("GET /old\r\n"),
		"HTTP/0.9 cut":        []byte("GET /old\r"),
		"HTTP/0.9 blank":      []byte("GET /old \n"),
		"half a request":      []byte("GET /a HTTP/1.1\r\nHost: a\r\n"),
		"a wrong header":      []byte("GET /a HTTP/1.1\r\nHo st: a\r\n\r\n"),
		"a wrong length":      []byte("GET /a HTTP/1.1\r\nContent-Length: x\r\n\r\n"),
		"a wrong version":     []byte("GET /a FTP/1.1\r\n\r\n"),
		"another version":     []byte("GET /a RTSP/1.0\r\nCSeq: 1\r\n\r\n"),
		"a wrong byte":        []byte("GET /\xe4 HTTP/1.1\r\n\r\n"),
		"a method alone":      []byte("GET\r\n\r\n"),
		"the preface of h2":   []byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
		"SSH":                 []byte("SSH-2.0-x\r\n"),
		"three bytes":         {1, 0, 2},
		"a length and a text": append([]byte{0, 3}, "abcdefgh"...),
		"nothing":             nil,
		"an SSLv2 hello":      append([]byte{0x80, 0x2e, 1, 3, 1, 0, 0x15, 0, 0, 0, 0x10}, make([]byte, 0x25)...),
		"half an SSLv2 hello": append([]byte{0x80, 0x2e, 1, 3, 1, 0, 0x15, 0, 0, 0, 0x10}, make([]byte, 0x20)...),
	}
}

// writeOracleFiles writes the files that the cases name, and returns their directory.
func writeOracleFiles(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	files := map[string]string{
		"names": "# comment\n\n  example.com\n\twild.test\r\nUPPER.test\n10.1.2.3 \n # example.com.\n",
		"nets":  "10.0.0.0/8\n127.0.0.0/255.0.0.0\n::1\n",
		"map": "# comment\nexample.com be_ex\n.wild.test be_wild\n  api.example.com\tbe api \r\nUPPER.Test be_upper\n" +
			"example.com be_dup\napi be_short\nkeyonly\nh2 be_h2\n",
		"ints": "1:9 low\n42 answer\n1:100 high\n100: huge\n",
		"ips":  "10.0.0.0/8 ten\n10.1.0.0/16 tenone\n127.0.0.0/8 local\n0.0.0.0/0 any\n10.1.0.0/16 dup\n::/0 any6\n",
		"regs": "^ex ex\n\\.com$ com\n(?i)upper upper\n[0-9]+ number\n",
		"regm": "^(a[a-z]+)\\.(.*)$ be_\\1_\\2_\\3\n([0-9]+) n\\1\\0\n(?i)upper up\\x41\n",
		"nums": "example.com 7\napi.example.com -3\n",
		"adrs": "example.com 10.1.2.3\napi.example.com 2001:db8::1\n",
	}
	// HAProxy 2.6 confuses cached lookups in one file by end, sub and dom.
	files["map3"], files["map4"] = files["map"], files["map"]
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// oracleCriteria are compared with each input once it is final. DIR is the directory of the files.
var oracleCriteria = []string{
	"always_true", "always_false", "req.ssl_hello_type 1", "req_ssl_hello_type eq 1", "req.ssl_hello_type gt 1",
	"req.ssl_sni example.com", "req_ssl_sni -i example.com", "req.ssl_sni -i www.EXAMPLE.com api.example.com",
	"req.ssl_sni -m found", "req.ssl_sni -m str example.com.", "req.ssl_sni -m beg example api.",
	"req.ssl_sni -i -m beg WWW.", "req.ssl_sni -m end .com", "req.ssl_sni -m end .Com", "req.ssl_sni -i -m end .Com",
	"req.ssl_sni -m end example.com", "req.ssl_sni -m sub ample.c", "req.ssl_sni -i -m sub EXAMPLE",
	"req.ssl_sni -m dom example.com", "req.ssl_sni -m dom .example.com.", "req.ssl_sni -m dom example",
	"req.ssl_sni -m dom net", "req.ssl_sni -m dom xample.com", "req.ssl_sni -i -m dom WWW", "req.ssl_sni -m dom b",
	"req.ssl_sni -m dom d:e", "req.ssl_sni -m dir c", "req.ssl_sni -m dir a..b", "req.ssl_sni -m dir /c?",
	"req.ssl_sni -m dir example.com", "req.ssl_sni -m dir d", "req.ssl_sni -m reg ^[a-z]+\\.example",
	"req.ssl_sni -i -m reg ^www\\.", "req.ssl_sni -m reg (com|net)$", "req.ssl_sni -m len 11", "req.ssl_sni -m len gt 11",
	"req.ssl_sni -m len 9:12", "req.ssl_sni,length ge 15", "req.ssl_sni,length lt 12 gt 18", "req.ssl_sni -m int 42",
	"req.ssl_sni -m int 10", "req.ssl_sni -m bool", "req.ssl_sni -m ip 10.0.0.0/8", "req.ssl_sni -m ip 10.1.2.0/24 ::1",
	"req.ssl_sni -m bin 6578616d706c652e636f6d", "req.ssl_sni -f DIR/names", "req.ssl_sni -i -f DIR/names",
	"req.ssl_sni -m end -f DIR/names", "req.ssl_sni -f DIR/names -- api.example.com", "req.ssl_sni -i -m dom -f DIR/names",
	"req.ssl_sni,lower www.example.com", "req.ssl_sni,upper WILD.TEST", "req.ssl_sni,field(1,.) example",
	"req.ssl_sni,map(DIR/map) be_ex", "req.ssl_sni,map(DIR/map) -m found", "req.ssl_sni,map_dom(DIR/map,none) none",
	"req.ssl_sni,map_str_int(DIR/nums) lt 0", "req.ssl_sni,map_str_ip(DIR/adrs,1.2.3.4) 10.0.0.0/8",
	"req.ssl_alpn h2", "req.ssl_alpn http/1.1", "req.ssl_alpn -i h2", "req.ssl_alpn -m found", "req.ssl_alpn -m beg http",
	"req.ssl_alpn -m len 1", "req.ssl_alpn,map(DIR/map) be_h2", "req.ssl_alpn,length 1", "req.ssl_alpn,upper H2",
	"req.ssl_ver 3.1", "req.ssl_ver 3.3", "req_ssl_ver ge 3.3", "req.ssl_ver lt 3.2", "req.ssl_ver 3.0-3.2",
	"req.ssl_ver -- -3.1", "req.ssl_ver 3.2:", "req.ssl_ver gt 3", "req.ssl_ver -m int 196609", "req.ssl_ver -m found",
	"req.ssl_ec_ext", "req.ssl_ec_ext -m found", "req.ssl_ec_ext,not", "req.ssl_st_ext 0", "req.ssl_st_ext 1",
	"req.ssl_st_ext 2", "req.ssl_st_ext -m bool",
	"req.len gt 0", "req.len 0", "req_len 3", "req.len -m found", "req.len le 11", "req.len lt 3 gt 60", "req.len gt -1",
	"req.payload(0,3) -m str SSH", "req.payload(0,3) -m bin 535348", "payload(0,3) 535348 474554",
	"req.payload(0,0) -m sub HTTP", "req.payload(0,0) -m found", "req.payload(0,0) -m len 0", "req.payload(0,7) -m found",
	"req.payload(4,0) -m beg 2.0", "req.payload(0,17000) -m found", "req.payload(1,1) -m bin 00",
	"req.payload(2,1),hex,hex2i 2", "req.payload_lv(0,2) -m str abc", "payload_lv(0,2) 616263",
	"req.payload_lv(0,2,+2) -m str cde", "req.payload_lv(0,2,-1) -m bin 036162", "req.payload_lv(43,1) -m found",
	"req.payload_lv(43,1) -m len 32", "req.payload(0,8),bytes(2,3) -m str abc", "req.payload(0,3) -m sub S",
	"wait_end", "wait_end -m found", "src 127.0.0.1", "src 127.0.0.0/8 ::1", "src 10.0.0.0/8", "src 127.0.0.0/255.0.0.255",
	"src ::ffff:127.0.0.0/104", "src ::/0", "src -m str 127.0.0.1", "src -m beg 127.", "src -f DIR/nets",
	"src,ipmask(8) 127.0.0.0", "src,ipmask(0.0.0.255) 0.0.0.1", "src_port gt 1023", "src_port lt 1024", "dst 127.0.0.1",
	"dst_port 1:65535", "src,map_ip(DIR/ips) local", "req.ssl_sni,map_str_ip(DIR/adrs,1.2.3.4) 2001:db8::/32",
	"bool(true)", "bool(0)", "int(5) 5", "int(5) gt 5 eq 5", "int(-5) lt 0", "str('a,b') a,b",
	"bin(616263) -m str abc", "ipv4(10.1.2.3) 10.0.0.0/8", "ipv6(::ffff:10.1.2.3) 10.0.0.0/8",
	"ipv4(10.1.2.3) ::ffff:10.1.2.3", "var(txn.none) -m found", "var(txn.none,x) -m str x", "env(NOTHING_HAS_THIS) x",
	"req.proto_http", "req_proto_http -m found", "req.proto_http,not", "method GET HEAD", "method -m found", "method POST", "method -i get", "method CONNECT OPTIONS",
	"req.ver 1.1", "req_ver 1.0", "req.ver -m found", "path /a/b.txt", "path -m end .txt .php", "path_end .txt", "path_beg /a /o", "path_dir b.txt", "path_sub b.",
	"path_len gt 4", "path_reg ^/[ao]", "path_dom b", "path -m found", "query -m found", "query -m sub y=a", "url /old", "url_beg http://", "url_end q", "url_len 1", "url_dom test",
	"base_beg Www.Example.com/a", "base -m end /p", "base_sub test", "base_reg ^h", "base_dir b.txt", "base_len gt 0",
	"hdr(host) Www.Example.com", "hdr(Host) -i www.example.com h.test:80", "hdr(host) -m found", "hdr_dom(host) example.com test", "hdr_beg(host) -i www. h.", "hdr_end(host) :80",
	"hdr_reg(host) ^[a-z]", "hdr_sub(host) xamp", "hdr_len(host) 15", "req.hdr(x-list) e", "req.hdr(x-list) a", "req.hdr(x-list) d", "hdr(x-list,2) -m str \"b,c\"",
	"hdr(x-list,-1) e", "hdr(x-list,1) e", "hdr(x-list,3) -m len 0", "hdr(x-none) -m found", "hdr(x-empty) -m found", "hdr(x-list),upper E", "req.fhdr(x-list) -m beg a", "req.fhdr(x-list) e", "req.fhdr(x-two) -m sub b",
	"hdr_cnt(x-list) 5", "hdr_cnt(host) gt 0", "req.fhdr_cnt(x-list) 2", "hdr_val(content-length) gt 0", "req.hdr_val(x-n) 42", "hdr_val(x-n) lt 1", "hdr_val(host) -m found",
	"hdr_beg(host) -m end com",
	"ssl_fc", "ssl_fc -m found", "ssl_fc,not", "ssl_fc_sni -m found", "ssl_fc_has_sni -m found", "ssl_fc_has_crt -m found",
	"ssl_fc_has_early -m found", "ssl_fc_is_resumed -m found", "ssl_c_used -m found", "ssl_bc -m found",
	"ssl_c_verify -m found", "ssl_fc_cipherlist_bin -m found", "ssl_c_s_dn(CN) -m found", "ssl_fc_protocol -m found",
	"ssl_bc_is_resumed -m found", "ssl_c_err -m found", "ssl_fc_err -m found", "ssl_fc_err_str -m found",
	"ssl_bc_err -m found", "ssl_bc_err_str -m found", "ssl_fc_alg_keysize -m found", "ssl_fc_session_id -m found",
	"ssl_c_ca_err -m found", "ssl_c_ca_err_depth -m found", "ssl_c_version -m found", "ssl_fc_protocol_hello_id -m found",
	"ssl_fc_use_keysize -m found", "ssl_fc_cipherlist_xxh -m found", "ssl_fc_unique_id -m found", "ssl_f_der -m found",
	"ssl_s_der -m found", "ssl_bc_cipher -m found", "ssl_fc_npn -m found", "ssl_fc_ecformats_bin -m found",
}

// oracleUndecided are compared while more bytes could arrive.
var oracleUndecided = []struct{ criterion, sent string }{
	{"req.proto_http", "G"},
	{"req.proto_http", "GET / HTTP/1.1\r\nHost"},
	{"req.proto_http", "GET / HTTP/1.1\r\nHost: a\r\n\r"},
	{"req.proto_http", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"req.proto_http", "GET / HTTP/1.1\r\n\r\n"},
	{"req.proto_http", "GET /\r\n"},
	{"req.proto_http", "GET /\r"},
	{"req.proto_http", "GET / \r\n"},
	{"req.proto_http", "SSH-2.0-x\r\n"},
	{"req.proto_http", "\x16\x03\x01"},
	{"req.proto_http", "\r"},
	{"req.proto_http", "\rG"},
	{"req.proto_http", "\r\n\r\n"},
	{"req.proto_http", "GET /a\x01"},
	{"req.proto_http", "GET /a HTTP/1.1\r\n: a"},
	{"req.proto_http", "GET /a HTTP/1.1\r\na b: c"},
	{"req.proto_http", "GET /a HTTP/1.1\rX"},
	{"req.proto_http", ""},
	{"hdr(host) a", "GET / HTTP/1.1\r\nHost: a\r\n"},
	{"hdr(host) b", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"path_beg /", "GET / HTTP/1.1\r\n"},
	{"method GET", "hello"},
	{"always_true", "S"},
	{"always_false", "S"},
	{"wait_end", "S"},
	{"req.ssl_hello_type 1", "\x16\x03\x01"},
	{"req.ssl_hello_type 1", "SSH-"},
	{"req.ssl_hello_type 1", ""},
	{"req.ssl_sni -m found", "\x16\x03\x01\x02"},
	{"req.ssl_sni -m found", "S"},
	{"req.ssl_alpn h2", ""},
	{"req.ssl_ver 3.1", "\x16\x03\x01\x02\x00"},
	{"req.ssl_ec_ext", "\x16\x03"},
	{"req.ssl_st_ext 0", "SSH"},
	{"req.len gt 0", ""},
	{"req.len gt 0", "S"},
	{"req.len gt 5", "SSH"},
	{"req.len lt 5", "SSH"},
	{"req.payload(0,3) -m str SSH", "SS"},
	{"req.payload(0,3) -m str SSH", "SSH-"},
	{"req.payload(0,3) -m str SSH", "GET "},
	{"req.payload(0,0) -m sub SSH", "SSH"},
	{"req.payload(0,0) -m sub SSH", "GET"},
	{"req.payload(0,0) -m found", "S"},
	{"req.payload(0,17000) -m found", "S"},
	{"req.payload_lv(0,1) -m found", "\x03ab"},
	{"req.payload_lv(0,1) -m found", "\x03abc"},
	{"req.payload_lv(0,1) -m found", "\x00abc"},
	{"req.payload_lv(0,1) -m found", ""},
	{"req.payload(0,3),lower -m str ssh", "SSH"},
	{"req.payload(0,0),lower -m str x", "SSH"},
	{"req.len,add(1) 4", "SSH"},
	{"req.len,add(1) 5", "SSH"},
	{"req.payload(0,0),map(/dev/null) -m found", "SSH"},
	{"src 127.0.0.1", ""},
	{"ssl_fc", ""},
	{"var(txn.x) -m found", ""},
}

// oracleExpressions are evaluated for each input.
var oracleExpressions = []string{
	"req.ssl_sni", "req.ssl_sni,lower", "req.ssl_sni,upper", "req.ssl_sni,length", "req.ssl_sni,length,add(3)",
	"req.ssl_alpn", "req.ssl_ver", "req.ssl_hello_type", "req.ssl_ec_ext", "req.ssl_st_ext", "req.len", "wait_end",
	"req.payload(0,0)", "req.payload(0,4)", "req.payload(0,4),hex", "req.payload_lv(0,2)", "req.payload(0,0),length",
	"src", "dst", "src_port", "dst_port", "src,ipmask(16)", "src,ipmask(16,64)", "src,add(1)", "src,lower",
	"bool(1)", "int(-12)", "str(a\\tb)", "str(\"x,y)\")", "bin(616200)", "ipv6(2001:db8::1),ipmask(16,32)",
	"ipv6(2001:db8::1),ipmask(16)", "ipv6(::ffff:1.2.3.4),ipmask(16)", "ipv6(::ffff:1.2.3.4)", "ipv4(1.2.3.4),add(0)",
	"req.ssl_sni,field(1,.)", "req.ssl_sni,field(2,.)", "req.ssl_sni,field(3,.)", "req.ssl_sni,field(9,.)",
	"req.ssl_sni,field(-1,.)", "req.ssl_sni,field(-2,.)", "req.ssl_sni,field(-9,.)", "req.ssl_sni,field(1,.,2)",
	"req.ssl_sni,field(2,.,0)", "req.ssl_sni,field(2,.,9)", "req.ssl_sni,field(-1,.,2)", "req.ssl_sni,field(-2,.,0)",
	"req.ssl_sni,field(2,./?)", "str(a..b..c),field(2,.)", "str(a..b..c),field(3,.,2)", "str(.a.),field(-1,.)",
	"str(..a..b..c..),word(1,.)", "str(..a..b..c..),word(2,.)", "str(..a..b..c..),word(3,.)",
	"str(..a..b..c..),word(-1,.)", "str(..a..b..c..),word(-3,.)",
	"str(..a..b..c..),word(1,.,2)", "str(..a..b..c..),word(2,.,0)", "str(..a..b..c..),word(2,.,5)",
	"str(..a..b..c..),word(-1,.,2)", "str(..a..b..c..),word(-2,.,0)", "str(..a..b..c..),word(-1,.,7)",
	"str(),field(1,.)", "str(a.b),word(2,.)", "str(a.b.),word(2,.)",
	"req.ssl_sni,regsub(a,X)", "req.ssl_sni,regsub(a,X,g)", "req.ssl_sni,regsub(E,X,gi)", "req.ssl_sni,regsub(^[^.]*,X)",
	"req.ssl_sni,regsub(^.,X,g)", "req.ssl_sni,regsub(e*,-,g)", "req.ssl_sni,regsub($,X,g)", "req.ssl_sni,regsub(x*$,Y)",
	"req.ssl_sni,regsub('(.*)\\.(.*)','\\2_\\1')", "req.ssl_sni,regsub(\\.,_,g)", "str(abc),regsub(b,\\x41)",
	"str(abc),regsub(b,\\0\\0)", "str(abc),regsub(x*,-,g)", "str(axb),regsub(x*,-,g)", "str(),regsub(x*,-,g)",
	"str(abc),regsub(c,,g)", "str(aaa),regsub(a,b)", "str(abab),regsub(b|^a,-,g)",
	"req.ssl_sni,bytes(2)", "req.ssl_sni,bytes(2,3)", "req.ssl_sni,bytes(11)", "req.ssl_sni,bytes(4,400)",
	"req.ssl_sni,hex", "req.ssl_sni,hex2i", "str(fF),hex2i", "str(123456789abcdef01),hex2i", "str(),hex2i",
	"req.payload(0,9),be2hex(:,2)", "req.payload(0,9),be2hex(:,2,1)", "req.payload(0,9),be2hex()", "str(abcde),be2hex(,2,1)",
	"req.payload(0,9),be2dec(.,2)", "req.payload(0,9),be2dec(.,2,1)", "req.payload(0,9),be2dec(,1)",
	"req.payload(0,9),be2dec(-,8)", "req.ssl_sni,base64", "req.ssl_sni,b64dec", "req.ssl_sni,ub64enc",
	"str(aGVsbG8),b64dec", "str(aGVsbG8),ub64dec", "str(aGVsbG9=),b64dec",
	"req.ssl_sni,url_dec", "str(a+b?c+d%41),url_dec", "str(a+b?c+d%4),url_dec", "str(a+b?c+d%4g),url_dec", "str(a+b),url_dec(1)",
	"req.ssl_sni,concat(-)", "req.ssl_sni,concat(-,txn.name,!)", "req.ssl_sni,concat(-,txn.none,!)", "req.ssl_sni,concat(,txn.seven)",
	"req.ssl_sni,strcmp(txn.name),iif(differs,same)", "req.ssl_sni,strcmp(txn.none)", "str(Www.Example.com),strcmp(txn.name)",
	"req.ssl_ec_ext,iif(yes,no)", "req.len,bool,iif(yes,no)", "req.len,iif(yes,no)", "str(0),iif(yes,no)", "str(x),iif(yes,no)",
	"int(5),add(3)", "int(5),sub(txn.seven)", "int(5),mul(-3)", "int(17),div(5)", "int(-17),div(5)", "int(17),div(0)",
	"int(17),mod(5)", "int(-17),mod(5)", "int(17),mod(0)", "int(5),add(txn.none)", "int(5),add(txn.name)", "int(5),neg",
	"int(5),cpl", "int(5),and(4)", "int(5),or(2)", "int(5),xor(1)", "int(5),odd", "int(5),even", "int(5),bool", "int(5),not",
	"int(0),not", "int(9223372036854775807),add(1)", "int(-9223372036854775807),sub(2)", "int(4611686018427387904),mul(2)",
	"int(4611686018427387904),mul(-3)", "int(-9223372036854775808),neg", "int(-9223372036854775808),div(-1)",
	"int(99999999999999999999)", "str(99999999999999999999),add(0)", "str(-5x),add(0)", "str(+5),add(0)",
	"req.ssl_sni,map(DIR/map)", "req.ssl_sni,map(DIR/map,def)", "req.ssl_sni,map_str(DIR/map)", "req.ssl_sni,map_beg(DIR/map)",
	"req.ssl_sni,map_end(DIR/map3)", "req.ssl_sni,map_sub(DIR/map4)", "req.ssl_sni,map_dom(DIR/map)", "req.ssl_sni,map_dir(DIR/map)",
	"req.ssl_sni,map_reg(DIR/regs)", "req.ssl_sni,map_int(DIR/ints)", "req.ssl_sni,length,map_int(DIR/ints)",
	"req.ssl_sni,map_ip(DIR/ips)", "src,map_ip(DIR/ips)", "ipv6(::1),map_ip(DIR/ips)", "ipv6(::ffff:10.1.2.3),map_ip(DIR/ips)",
	"req.ssl_sni,map_str_int(DIR/nums)", "req.ssl_sni,map_str_int(DIR/nums,12)", "req.ssl_sni,map_str_ip(DIR/adrs,1.2.3.4)",
	"req.ssl_alpn,map(DIR/map,other)", "str(keyonly),map(DIR/map)", "str(UPPER.Test),map_end(DIR/map3)", "str(a.wild.test),map_end(DIR/map3)",
	"var(txn.name)", "var(txn.none)", "var(txn.none,x)", "var(txn.seven),add(1)", "ssl_fc", "ssl_fc_sni", "ssl_fc,iif(yes,no)",
	"req.proto_http", "req.ver", "path", "pathq", "query", "url", "base", "req.hdr(host)", "hdr(x-list)", "hdr(x-list,1)", "hdr(x-list,3)", "hdr(x-list,-2)", "hdr(x-list,9)",
	"hdr(x-list,-9)", "req.fhdr(x-list)", "req.fhdr(x-list,1)", "req.fhdr(x-two)", "hdr(x-empty)", "req.hdr_cnt(x-list)", "req.fhdr_cnt(x-list)", "req.hdr_val(x-n)", "req.hdr_val(x-n),add(1)",
	"hdr(host),lower,field(1,:)", "path,field(-1,/)", "query,url_dec", "req.hdr(x-ip),ipmask(8)",
	"req.ssl_sni,crc32", "req.ssl_sni,crc32(1)", "req.ssl_sni,crc32c", "req.ssl_sni,crc32c(2)", "req.ssl_sni,djb2", "req.ssl_sni,djb2(1)", "req.ssl_sni,sdbm", "req.ssl_sni,sdbm(0)", "req.ssl_sni,wt6",
	"req.ssl_sni,wt6(1)", "req.payload(0,0),xxh32", "req.payload(0,0),xxh64", "req.ssl_sni,xxh32(7)", "req.ssl_sni,xxh64(7)", "req.ssl_sni,xxh64(-1)", "str(),xxh32", "str(),xxh64", "str(abc),xxh32", "str(abcde),xxh64",
	"req.ssl_sni,sha1,hex", "req.ssl_sni,sha2,hex", "req.ssl_sni,sha2(224),hex", "req.ssl_sni,sha2(384),hex", "req.ssl_sni,sha2(512),hex", "req.ssl_sni,digest(sha256),hex", "req.ssl_sni,digest(MD5),hex",
	"req.ssl_sni,hmac(sha256,a2V5),hex", "req.ssl_sni,hmac(sha1,txn.name),hex", "req.ssl_sni,hmac(sha1,txn.none),hex", "req.ssl_sni,secure_memcmp(txn.name)", "req.ssl_sni,secure_memcmp(txn.none)",
	"req.ssl_sni,url_enc(query)", "str(a?c=d&e/f~g-h.i_j),url_enc(query)", "req.ssl_sni,host_only", "str(a.test:443),host_only", "str([::1]:443),host_only", "str([::1]),host_only", "str(a.test:443),port_only", "str(a.test),port_only",
	"str([::1]:8443),port_only", "str(a:8x),port_only", "str(::1),host_only", "str(::1),port_only", "str([::1:5),host_only", "str(a),add_item(:,txn.name)", "str(a),add_item(:,txn.name,z)", "str(a),add_item(:,,z)", "str(),add_item(:,txn.name)",
	"str(a),add_item(:,txn.none)", "str(a),add_item(:,txn.none,z)", "req.ssl_sni,map_regm(DIR/regm)", "req.ssl_sni,map_regm(DIR/regm,none)", "str(UPPER),map_regm(DIR/regm)", "rand(1)", "rand(0)", "nbproc",
	"req.payload_lv(0,2,+3)", "req.payload_lv(0,2,-2)", "req.payload_lv(0,2,+1)", "int(5),hex", "src,hex", "bool(true),length",
}
