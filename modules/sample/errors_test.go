// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"errors"
	"strings"
	"testing"
)

func TestUnsupported(t *testing.T) {
	for text, reason := range map[string]string{
		"res.comp": "server's", "resp_ver": "server's", "res.body": "server's", "cook(a)": "HTTP", "url_param(a)": "HTTP",
		"req.hdr_names": "HTTP", "url_ip": "HTTP",
		"lat_ns_avg": "not implemented", "bc_src": "not implemented",
		"str(a),json(utf8)": "not implemented", "str(a),xxh3": "no maintained library",
		"req.payload(-1,1)": "outside", "req.payload(0,-1)": "outside", "req.payload_lv(0,5)": "1 to 4",
		"req.payload_lv(0,1,4)": "it is +3", "req.payload_lv(4,2,1)": "it is -5",
	} {
		_, err := new(Loader).Expression(text)
		unsupported, ok := errors.AsType[*Unsupported](err)
		if !ok || !strings.Contains(unsupported.Reason, reason) || unsupported.Name == "" {
			t.Errorf("%s: %v", text, err)
		}
		if ok && !strings.Contains(err.Error(), unsupported.Name+" is not supported: "+unsupported.Reason) {
			t.Error(err)
		}
		if _, err = new(Loader).Criterion(Criterion{Fetch: text, Method: "found"}); !isUnsupported(err) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func isUnsupported(err error) bool {
	_, ok := errors.AsType[*Unsupported](err)
	return ok
}

// TestKnownNames compares the list of unsupported names with the supported ones.
func TestKnownNames(t *testing.T) {
	for name := range strings.FieldsSeq(knownFetches) {
		if _, ok := fetches[name]; ok {
			t.Errorf("%s is supported", name)
		}
		if _, err := new(Loader).Expression(name); !isUnsupported(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name := range strings.FieldsSeq(knownConverters) {
		if _, ok := converters[name]; ok {
			t.Errorf("%s is supported", name)
		}
		if _, err := new(Loader).Expression("str(a)," + name); !isUnsupported(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestHAProxyErrorTexts has HAProxy's errors, for hosts without HAProxy.
func TestHAProxyErrorTexts(t *testing.T) {
	l := &Loader{Open: (&files{content: map[string]string{"m": "a b\n"}}).open}
	for text, want := range map[string]string{
		"foo:bar": "unknown fetch method 'foo:bar'", "src,foo:bar": "unknown converter 'foo:bar'", "": "missing fetch method",
		"req.payload(0)":     "fetch method 'req.payload' : missing arguments (got 1/2), type 'integer' expected",
		"req.payload":        "fetch method 'req.payload' : expected type 'integer' at position 1, but got nothing",
		"req.payload(a,b)":   "fetch method 'req.payload' : failed to parse 'a' as type 'integer' at position 1",
		"req.payload(0,1,2)": "fetch method 'req.payload' : expected ')' before ',2)'", "src(a)": "fetch method 'src' : expected ')' before 'a)'",
		"req.payload_lv(43,1,-45)": "invalid args in fetch method 'req.payload_lv' : payload offset2 too negative",
		"req.payload_lv(43,1,x)":   "invalid args in fetch method 'req.payload_lv' : payload offset2 is not a number",
		"req.payload_lv(-1,1)":     "invalid args in fetch method 'req.payload_lv' : payload offset1 must be positive",
		"req.payload_lv(1,0)":      "invalid args in fetch method 'req.payload_lv' : payload length must be > 0",
		"src;x":                    "missing comma after fetch keyword 'src'", "src,lower()x": "missing comma after converter 'lower'",
		"src,lower(a)": "invalid arg 1 in converter 'lower' : expected ')' before 'a)'", "src,map(m": "invalid arg 2 in converter 'map' : expected ')'",
		"src,map(m,a,b)": "invalid arg 2 in converter 'map' : expected ')' before ',b)'", "src,field(1,.,2,3)": "invalid arg 3 in converter 'field' : expected ')' before ',3)'",
		"src,field(0,.)": "invalid args in converter 'field' : Unexpected value 0 for index", "src,field(1,)": "invalid args in converter 'field' : Empty separators list",
		"req.payload(0,1),add(1)": "converter 'add' cannot be applied", "src,add(x)": "invalid args in converter 'add' : expects an integer or a variable name",
		"src,add(txn.)": "invalid args in converter 'add' : expects an integer or a variable name", "src,bytes(x)": "invalid args in converter 'bytes' : expects an integer or a variable name",
		"src,bytes(1,x)": "invalid args in converter 'bytes' : expects an integer or a variable name", "src,bytes(-1)": "invalid args in converter 'bytes' : expects a non-negative integer",
		"src,bytes(1,0)": "invalid args in converter 'bytes' : expects a positive integer", "src,strcmp(b)": "invalid args in converter 'strcmp' : failed to register variable name 'b'",
		"src,concat(a,b)": "invalid args in converter 'concat' : failed to register variable name 'b'", "src,be2hex(:,0)": "invalid args in converter 'be2hex' : chunk_size needs to be positive (0)",
		"src,be2hex(:,2,3)": "invalid args in converter 'be2hex' : Unsupported truncate value (3)", "src,be2dec(:,9)": "invalid args in converter 'be2dec' : chunk_size out of [1..8] range (9)",
		"src,be2dec(:,1,2)": "invalid args in converter 'be2dec' : Unsupported truncate value (2)", "src,ipmask(33)": "invalid arg 1 in converter 'ipmask' : failed to parse '33' as type 'IPv4 mask' at position 1",
		"src,regsub(a,b,x)":           "invalid args in converter 'regsub' : invalid regex flag 'x', only 'i' and 'g' are supported",
		"src,regsub('(',b)":           "invalid args in converter 'regsub' : regex '(' is invalid (error=missing closing ): '(')",
		"src,regsub(a,\\x4)":          "invalid args in converter 'regsub' : two hex digits are expected after the \\x in the replacement '\\x4'",
		"src,regsub(a,'b\\')":         "invalid args in converter 'regsub' : nothing follows the backslash in the replacement",
		"src,lower,map_str_ip(m)":     "invalid args in converter 'map_str_ip' : unable to parse 'b' at line 1 of file 'm'",
		"src,lower,map_str_int(m,x)":  "invalid arg 2 in converter 'map_str_int' : failed to parse 'x' as type 'integer' at position 2",
		"src,lower,map_str_key(none)": "invalid args in converter 'map_str_key' : failed to open pattern file <none>: open none: file does not exist",
		"bool(x)":                     "invalid args in fetch method 'bool' : Expects 'true', 'false', '0' or '1'", "bin(616)": "invalid args in fetch method 'bin' : an even number of hex digit is expected",
		"bin(6x)": "invalid args in fetch method 'bin' : an hex digit is expected (found 'x')", "ipv4(::1)": "fetch method 'ipv4' : failed to parse '::1' as type 'IPv4 address' at position 1",
		"ipv6(1.2.3.4)": "fetch method 'ipv6' : failed to parse '1.2.3.4' as type 'IPv6 address' at position 1",
		"var(txn.)":     "invalid args in fetch method 'var' : invalid variable name 'txn.'. A variable name must be start by its scope. The scope can be 'proc', 'sess', 'txn', 'req', 'res' or 'check'",
		"var(x.y)":      "invalid args in fetch method 'var' : invalid variable name 'x.y'. A variable name must be start by its scope. The scope can be 'proc', 'sess', 'txn', 'req', 'res' or 'check'",
		"var(txn.a-b)":  "invalid args in fetch method 'var' : invalid syntax at char '-b'",
	} {
		if _, err := l.Expression(text); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	for words, want := range map[string]string{
		"req.ssl_ver ge 3.99999": "'3.99999' contains too large a minor value", "req.ssl_ver ge 99999": "'99999' contains too large a major value",
		"req.ssl_ver ge 3.x": "'3.x' is neither a number nor a supported operator", "req.ssl_ver 3.99999": "'3.99999' is not a dotted number",
		"req.len gt a": "'a' is neither a number nor a supported operator", "req.len a": "'a' is not a number", "req.len 5:1": "'5:1' is not a valid number range",
		"src 10.0.0.0/33": "'10.0.0.0/33' is not a valid IPv4 or IPv6 address", "payload(0,1) 6": "an even number of hex digit is expected",
	} {
		if got := loadError(strings.Fields(words)); got != want {
			t.Errorf("%s: %s, want %s", words, got, want)
		}
	}
}
