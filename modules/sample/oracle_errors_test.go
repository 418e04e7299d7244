// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// oracleErrors are refused with the same text. DIR is the directory of the files.
var oracleErrors = []string{
	"foo a", "foo(x) a", ",lower a", "req.ssl_sni -m foo a", "req.ssl_sni -f DIR/names -m end a", "req.ssl_sni -z a",
	"src 10.0.0.0/33", "src 10.0.0.0/", "src 10.0.0.0/255.0.256.0", "src 10.0.0.0/8x", "src ::1/129", "src 1:2", "src ::1/::",
	"req.ssl_ver 3.x", "req.ssl_ver 3.", "req.ssl_ver ge 3.x", "req.ssl_ver ge 3.99999", "req.ssl_ver ge 99999",
	"req.ssl_ver 3.3-3.1", "req.ssl_ver 3.1-3.x", "req.ssl_ver :", "req.ssl_ver .1", "req.ssl_ver 99999.1",
	"req.len gt a", "req.len a", "req.len 5:1", "req.len :", "req.len 1.5", "req.len 1:x",
	"req.len 1:5:9", "req.len +5", "req.len 99999999999999999999", "req.len gt 99999999999999999999",
	"req.ssl_sni -m len x", "req.ssl_sni,length x",
	"req.payload(0,3) zz", "req.payload(0,3),bytes(1) 123", "payload(0,3) zz", "payload(0,3) 123", "req.payload(0,3) -m bin 12x4",
	"req.payload(0) 1", "req.payload 1", "req.payload() 1", "req.payload(a,b) 1", "req.payload(0,b) 1", "req.payload(0,1,2) 1",
	"req.payload(0,1 1", "req.payload(0,) 1", "req.payload(,1) 1",
	"req.payload_lv(-1,1) -m found", "req.payload_lv(43,0) -m found", "req.payload_lv(43,1,x) -m found",
	"req.payload_lv(43,1,+x) -m found", "req.payload_lv(43,1,-99) -m found",
	"req.ssl_hello_type(a) 1", "req.ssl_alpn(a) 1", "req.ssl_alpn,lower(a) 1", "req.ssl_alpn,foo 1", "req.ssl_alpn;lower 1",
	"req.ssl_alpn,lower;x 1", "req.ssl_alpn,lower(x 1", "req.ssl_alpn,lower()x 1", "req.ssl_alpn,lower)x 1",
	"req.ssl_alpn,field(0,.) 1", "req.ssl_alpn,field(1,) 1", "req.ssl_alpn,field(1) 1", "req.ssl_alpn,field 1",
	"req.ssl_alpn,field(x,.) 1", "req.ssl_alpn,field(1,.,x) 1", "req.ssl_alpn,field(1,.,2,3) 1", "req.ssl_alpn,word() 1",
	"req.ssl_alpn,add(x) 1", "req.ssl_alpn,add(5x) 1", "req.payload(0,1),add(1) 1", "always_true,ipmask(8) 1",
	"req.ssl_alpn,ipmask(33) 1", "req.ssl_alpn,ipmask(24,129) 1", "req.ssl_alpn,ipmask() 1", "req.ssl_alpn,ipmask(1.2.3) 1",
	"req.ssl_alpn,regsub(a,x,z) 1", "req.ssl_alpn,regsub(a) 1", "req.ssl_alpn,concat(a,b) 1", "req.ssl_alpn,strcmp(b) 1",
	"req.ssl_alpn,iif(a) 1", "req.ssl_alpn,be2hex(:,0) 1", "req.ssl_alpn,be2hex(:,2,3) 1", "req.ssl_alpn,be2dec(:,9) 1",
	"req.ssl_alpn,be2dec(:) 1", "req.ssl_alpn,be2dec(:,1,5) 1", "req.ssl_alpn,url_dec(x) 1",
	"req.ssl_alpn,map(DIR/none) 1", "req.ssl_alpn,map 1", "req.ssl_alpn,map_str_int(DIR/map) 1", "req.ssl_alpn,map_str_ip(DIR/map) 1",
	"req.ssl_alpn,map_str_int(DIR/nums,z) 1", "req.ssl_alpn,map_str_ip(DIR/adrs,z) 1", "req.ssl_alpn,map_int(DIR/map) 1",
	"req.ssl_alpn,map(DIR/map 1", "req.ssl_alpn,map(DIR/map,a,b) 1", "req.payload(0,1),map_int(DIR/ints) 1",
	"bool(x)", "bool", "int(x) 1", "int 1", "bin(x) 1", "bin(616) 1", "bin(zz) 1", "ipv4(1.2.3) 1", "ipv4(::1) 1", "ipv6(1.2.3.4) 1",
	"req.ssl_alpn,sha2(1) 1", "req.ssl_alpn,digest(foo) 1", "req.ssl_alpn,hmac(foo,a2V5) 1", "req.ssl_alpn,hmac(sha1,!) 1", "req.ssl_alpn,url_enc(x) 1", "req.ssl_alpn,add_item(:) 1", "req.ssl_alpn,add_item(:,x) 1",
	"req.ssl_alpn,add_item(:,) 1", "req.ssl_alpn,xxh32(x) 1", "req.ssl_alpn,secure_memcmp(x) 1", "req.ssl_alpn,map_regm(DIR/none3) 1",
	"nbsrv(b,c) 1", "nbsrv(b) x", "srv_is_up(b/s,x)", "fe_conn(f,g) 1", "str(b),nbsrv(x) 1",
	"str(a,b) 1", "var(x) -m str 1", "var(foo.x) -m str 1", "var(txn.a-b) -m str 1", "var(txn.) -m str 1", "var(txn) -m str 1",
	"var(txn.x) 1", "req.payload(0,1) -m int 5", "req.payload(0,1) -m ip ::1", "always_true -m ip ::1", "req.ssl_alpn -u x 1",
	"req.ssl_alpn -f DIR/none", "req.ssl_alpn -f", "req.ssl_alpn -m", "req.ssl_alpn -m reg -f DIR/none2", "src -f DIR/map", "req.len -f DIR/nums",
}

// TestOracleErrors compares the errors with HAProxy's. They may be longer here, for example with
// the reason why a file cannot be opened.
func TestOracleErrors(t *testing.T) {
	path := needHAProxy(t)
	dir := writeOracleFiles(t)
	const most = 40 // HAProxy stops after 50
	for some := range slices.Chunk(oracleErrors, most) {
		said := haproxyErrors(t, path, dir, some)
		for k, e := range some {
			words := strings.Fields(inDir(e, dir))
			context := " in ACL expression '" + words[0] + "'"
			want, wantContext := strings.CutSuffix(said[k], context)
			got, gotContext := strings.CutSuffix(loadError(words), context)
			if want == "" || !strings.HasPrefix(got, want) || wantContext != gotContext {
				t.Errorf("%s:\nHAProxy says %s\nwe say       %s", e, said[k], loadError(words))
			}
		}
	}
}

// haproxyErrors returns HAProxy's errors by the position of the criterion.
func haproxyErrors(t *testing.T, path, dir string, criteria []string) map[int]string {
	t.Helper()
	var config strings.Builder
	config.WriteString("frontend f\n mode tcp\n bind 127.0.0.1:1\n timeout client 1s\n")
	const before = 4
	for _, e := range criteria {
		fmt.Fprintf(&config, " acl x %s\n", quoteConfig(inDir(e, dir)))
	}
	file := filepath.Join(dir, "haproxy.cfg")
	if err := os.WriteFile(file, []byte(config.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	output, err := exec.Command(path, "-c", "-f", file).CombinedOutput()
	if err == nil {
		t.Fatal("HAProxy found nothing to refuse")
	}
	said := make(map[int]string)
	alert := regexp.MustCompile(`:(\d+)\] : error detected while parsing ACL 'x' : (.*)\.\n`)
	for _, match := range alert.FindAllSubmatch(output, -1) {
		number, err := strconv.Atoi(string(match[1]))
		if err != nil {
			t.Fatal(err)
		}
		said[number-before-1] = string(match[2])
	}
	return said
}

// loadError returns the error of loading a criterion, or "".
func loadError(words []string) string {
	c, err := ParseCriterion(words)
	if err == nil {
		_, err = new(Loader).Criterion(c)
	}
	if err == nil {
		return ""
	}
	return err.Error()
}
