// SPDX-License-Identifier: Apache-2.0

package lbsocket

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	_ "github.com/caddy-passthrough/caddy-passthrough/modules/policies"
)

// runConfig runs a configuration with two maps, an ACL and two stick tables, and returns the folder
// of its files.
func runConfig(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{"m.map": "a 1\na 2\nb  hello world  \n", "n.map": "10.0.0.0/8 7\n", "l.acl": "x.example\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	type object = map[string]any
	file := func(name string) string { return filepath.Join(dir, name) }
	content := []object{{"action": "accept", "match": []object{{"acl": []object{
		{"any": []object{{"fetch": "req.ssl_sni", "method": "end", "ignore_case": true, "files": []string{file("l.acl")}}}},
	}}}}}
	config, err := json.Marshal(object{
		"admin":   object{"disabled": true, "config": object{"persist": false}},
		"logging": object{"logs": object{"default": object{"level": "ERROR"}}},
		"apps": object{"passthrough": object{
			"variables": []object{
				{"name": "proc.x", "value": "str(a),map(" + file("m.map") + ")"}, {"name": "proc.y", "value": "src,map_ip_int(" + file("n.map") + ")"},
			},
			"stick_tables": object{
				"be": object{"type": "ip", "size": 2, "nopurge": true, "expire": "1m", "store": []string{"gpc0", "conn_rate(10s)", "server_id"}},
				"st": object{"type": "string", "size": 5, "store": []string{"gpc(2)"}},
			},
			"backends": object{"be": object{
				"servers": []object{{"name": "A", "address": "127.0.0.1:1"}, {"name": "B", "address": "127.0.0.1:2"}},
				"content": object{"rules": content},
			}},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := caddy.Load(config, true); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = caddy.Stop() })
	return dir
}

// A turn has the command of a client, and the answer. MAP, NUM and LIST stand for the files.
type turn struct{ send, want string }

// converse compares answers to those of HAProxy 2.6, with its references of entries as 0xN.
func converse(t *testing.T, dir string, turns []turn) {
	t.Helper()
	files := strings.NewReplacer("MAP", filepath.Join(dir, "m.map"), "NUM", filepath.Join(dir, "n.map"), "LIST", filepath.Join(dir, "l.acl"))
	unlike := regexp.MustCompile(`(?m)^0x[0-9a-f]+|^\d+ \(|exp=\d+`)
	for _, turn := range turns {
		answer := talk(t, testServer(Operator), files.Replace(turn.send)+"\n")
		answer = unlike.ReplaceAllStringFunc(answer, func(s string) string {
			switch {
			case strings.HasPrefix(s, "0x"):
				return "0xN"
			case strings.HasPrefix(s, "exp"):
				return "exp=N"
			}
			return "N ("
		})
		if want := files.Replace(turn.want) + "\n"; answer != want {
			t.Errorf("%s: got %q, want %q", turn.send, answer, want)
		}
	}
}

func TestMapCommands(t *testing.T) {
	converse(t, runConfig(t), []turn{
		{"show map", "# id (file) description\n" +
			"N (MAP) pattern loaded from file 'MAP' used by map. curr_ver=0 next_ver=0 entry_cnt=3\n" +
			"N (NUM) pattern loaded from file 'NUM' used by map. curr_ver=0 next_ver=0 entry_cnt=1\n"},
		{"show map MAP", "0xN a 1\n0xN a 2\n0xN b hello world\n"},
		{"show map #99", "Unknown map identifier. Please use #<id> or <file>.\n"},
		{"show map @1", "Unknown map identifier. Please use #<id> or <file>.\n"},
		{"get map MAP a", "type=str, case=sensitive, found=yes, idx=tree, key=\"a\", value=\"1\", type=\"str\"\n"},
		{"get map MAP zz", "type=str, case=sensitive, found=no\n"},
		{"get map NUM 10.1.2.3", "type=ip, case=sensitive, found=yes, idx=tree, key=\"10.0.0.0/8\", value=\"7\", type=\"sint\"\n"},
		{"get map NUM x", "type=ip, case=sensitive, found=no\n"},
		{"get map MAP", "Missing map identifier and/or key.\n"},
		{"get map nofile a", "Unknown map identifier. Please use #<id> or <file>.\n"},
		{"add map MAP k", "'add map' expects three parameters (map identifier, key and value) or one parameter (map identifier) and a payload\n"},
		{"add map nofile k v", "Unknown map identifier. Please use #<id> or <file>.\n"},
		{"add map MAP k v w", ""},
		{"add map MAP k v", ""},
		{"add map NUM 10.0.0.1 x", "unable to parse 'x'.\n"},
		{"set map MAP a 9", ""},
		{"set map MAP nokey 9", "entry not found.\n"},
		{"set map MAP #0x9999 9", "key or pattern not found.\n"},
		{"set map MAP #zz 9", "entry not found.\n"},
		{"set map MAP a", "'set map' expects three parameters: map identifier, key and value.\n"},
		{"set map @0 MAP a 9", "Unknown map identifier. Please use #<id> or <file>.\n"},
		{"show map MAP", "0xN a 9\n0xN a 9\n0xN b hello world\n0xN k v\n0xN k v\n"},
		{"del map MAP k", ""},
		{"del map MAP k", "Key not found.\n"},
		{"del map MAP #0x2", ""},
		{"del map MAP #0x2", "Key not found.\n"},
		{"del map MAP", "This command expects two parameters: map identifier and key.\n"},
		{"add map MAP a\\ b c\\ d", ""},
		{"add map MAP <<\n  x1   y1 y2  \n# 1\n", ""},
		{"show map MAP", "0xN a 9\n0xN b hello world\n0xN a b c d\n0xN x1 y1 y2  \n0xN # 1\n"},
		{"add map MAP <<\nx3 y3\nonlykey\n", "Missing value for key 'onlykey'.\n"},
		{"prepare map", "Unknown map identifier. Please use #<id> or <file>.\n"},
		{"prepare map MAP", "New version created: 1\n"},
		{"add map @1 MAP a next", ""},
		{"add map @2 MAP a next", "Version number in the future, please use 'prepare map' before.\n"},
		{"show map @1 MAP", "0xN a next\n"},
		{"commit map MAP", "Missing version number.\n"},
		{"commit map @1", "Missing map identifier.\n"},
		{"commit map @2 MAP", "Version number out of range.\n"},
		{"commit map @x MAP", "Version number out of range.\n"},
		{"commit map @1 MAP", ""},
		{"show map MAP", "0xN a next\n"},
		{"clear map", "Missing map identifier.\n"},
		{"clear map MAP", ""},
		{"show map MAP;get map MAP a", "\ntype=str, case=sensitive, found=no\n"},
	})
}

func TestACLCommands(t *testing.T) {
	converse(t, runConfig(t), []turn{
		{"show acl", "# id (file) description\nN (LIST) pattern loaded from file 'LIST' used by acl. curr_ver=0 next_ver=0 entry_cnt=1\n"},
		{"get acl LIST www.X.example", "type=end, case=insensitive, match=yes, idx=list, pattern=\"x.example\"\n"},
		{"get acl LIST y.example", "type=end, case=insensitive, match=no\n"},
		{"get acl LIST", "Missing ACL identifier and/or key.\n"},
		{"add acl LIST", "'add acl' expects two parameters: ACL identifier and pattern.\n"},
		{"add acl LIST y.example z", ""},
		{"show acl LIST", "0xN x.example\n0xN y.example\n"},
		{"del acl LIST x.example", ""},
		{"del acl LIST x.example", "Key not found.\n"},
		{"del acl LIST", "This command expects two parameters: ACL identifier and key.\n"},
		{"prepare acl LIST", "New version created: 1\n"},
		{"add acl @5 LIST ho", "Version number in the future, please use 'prepare acl' before.\n"},
		{"add acl @1 LIST ho", ""},
		{"commit acl @1 LIST;show acl LIST", "\n0xN ho\n"},
		{"clear acl", "Missing ACL identifier.\n"},
		{"clear acl nofile", "Unknown ACL identifier. Please use #<id> or <file>.\n"},
	})
}

// A user may look at maps and not change them.
func TestMapLevels(t *testing.T) {
	dir := runConfig(t)
	name := filepath.Join(dir, "m.map")
	for _, line := range []string{
		"add map " + name + " k v", "set map " + name + " a b", "del map " + name + " a", "clear map " + name, "prepare map " + name,
		"commit map @1 " + name, "clear table be", "set table be key 1.2.3.4",
	} {
		if got := talk(t, testServer(User), line+"\n"); got != "Permission denied\n\n" {
			t.Errorf("%s: %q", line, got)
		}
	}
	if got := talk(t, testServer(User), "show table be\n"); !strings.Contains(got, "# contents not dumped due to insufficient privileges\n") {
		t.Errorf("show table: %q", got)
	}
}

func TestTableCommands(t *testing.T) {
	const filter = "Optional argument only supports \"data.<store_data_type>\" <operator> <value> and key <key>\n"
	converse(t, runConfig(t), []turn{
		{"show table", "# table: be, type: ip, size:2, used:0\n# table: st, type: string, size:5, used:0\n"},
		{"show table nope", "No such table\n"},
		{"set table be key 1.2.3.4 data.gpc0 5 data.server_id 2", ""},
		{"show table be", "# table: be, type: ip, size:2, used:1\n0xN: key=1.2.3.4 use=0 exp=N server_id=2 gpc0=5 conn_rate(10000)=0 server_key=B\n"},
		{"show table be key 1.2.3.4", "# table: be, type: ip, size:2, used:1\n0xN: key=1.2.3.4 use=0 exp=N server_id=2 gpc0=5 conn_rate(10000)=0 server_key=B\n"},
		{"show table be key 9.9.9.9", ""},
		{"show table be data.gpc0 gt 5", "# table: be, type: ip, size:2, used:1\n"},
		{"show table be data.gpc0 ge 5 data.server_id ne 0", "# table: be, type: ip, size:2, used:1\n0xN: key=1.2.3.4 use=0 exp=N server_id=2 gpc0=5 conn_rate(10000)=0 server_key=B\n"},
		{"show table be data.gpc0", "Filter entry #1: Require and operator among \"eq\", \"ne\", \"le\", \"ge\", \"lt\", \"gt\"\n"},
		{"show table be data.gpc0 gt", "Filter entry #1: Require a valid integer value to compare against\n"},
		{"show table be data.gpc0 gt 1 data.nope gt 1", "Filter entry #2: Unknown data type\n"},
		{"show table be data.gpc1 gt 1", "Filter entry #1: Data type not stored in this table\n"},
		{"show table be foo", filter},
		{"show table be key", "Key value expected\n"},
		{"set table", "Required arguments: <table> key <key> [data.<store_data_type> <value>]*\n"},
		{"set table nope", "No such table\n"},
		{"set table be key", "Key value expected\n"},
		{"set table be key x", "Invalid key\n"},
		{"set table be key 1.2.3.4 data.gpc0", "Require a valid integer value to store\n"},
		{"set table be key 1.2.3.4 data.nope 1", "Unknown data type\n"},
		{"set table be key 1.2.3.4 data.gpc1 1", "Data type not stored in this table\n"},
		{"set table be key 1.2.3.4 gpc0 2", "\"data.<type>\" followed by a value expected\n"},
		{"set table be data.gpc0 1", "content-based lookup is only supported with the \"show\" and \"clear\" actions\n"},
		{"set table be key 1.2.3.5;set table be key 1.2.3.6", "\nUnable to allocate a new entry\n"},
		{"show table be key 1.2.3.5", "# table: be, type: ip, size:2, used:2\n0xN: key=1.2.3.5 use=0 exp=N server_id=0 gpc0=0 conn_rate(10000)=0 server_key=-\n"},
		{"clear table", "Required arguments: <table> \"data.<store_data_type>\" <operator> <value> or <table> key <key>\n"},
		{"clear table be foo", "Required arguments: <table> \"data.<store_data_type>\" <operator> <value> or <table> key <key>\n"},
		{"clear table be data.gpc0 gt 0", ""},
		{"clear table be key 1.2.3.5", ""},
		{"show table be", "# table: be, type: ip, size:2, used:0\n"},
		{"set table st key a\\ \xc3\xa4=\\\\ data.gpc1 4", ""},
		{"show table st", "# table: st, type: string, size:5, used:1\n0xN: key=a\\ \\xC3\\xA4\\=\\\\ use=0 exp=N gpc0=0 gpc1=4\n"},
		{"clear table st", ""},
	})
}
