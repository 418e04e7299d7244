// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"slices"
	"strings"
)

// Fetches of TLS connections that end at the proxy. If TLS is passed through, those of
// terminationFalse are false and the others have no value.
const (
	terminationBools = `ssl_c_used ssl_fc_has_crt ssl_fc_has_early`
	terminationInts  = `ssl_bc_alg_keysize ssl_bc_err ssl_bc_use_keysize ssl_c_ca_err ssl_c_ca_err_depth ssl_c_err
		ssl_c_verify ssl_c_version ssl_f_version ssl_fc_alg_keysize ssl_fc_cipherlist_xxh ssl_fc_err
		ssl_fc_protocol_hello_id ssl_fc_use_keysize ssl_s_version`
	terminationStrs = `ssl_bc_alpn ssl_bc_cipher ssl_bc_curve ssl_bc_err_str ssl_bc_npn ssl_bc_protocol ssl_c_key_alg
		ssl_c_notafter ssl_c_notbefore ssl_c_sig_alg ssl_f_key_alg ssl_f_notafter ssl_f_notbefore ssl_f_sig_alg
		ssl_fc_alpn ssl_fc_cipher ssl_fc_client_early_traffic_secret ssl_fc_client_handshake_traffic_secret
		ssl_fc_client_traffic_secret_0 ssl_fc_crtname ssl_fc_curve ssl_fc_early_exporter_secret ssl_fc_ecformats_bin
		ssl_fc_err_str ssl_fc_exporter_secret ssl_fc_npn ssl_fc_protocol ssl_fc_server_handshake_traffic_secret
		ssl_fc_server_traffic_secret_0 ssl_fc_sigalgs_bin ssl_fc_sni ssl_fc_supported_versions_bin ssl_s_key_alg
		ssl_s_notafter ssl_s_notbefore ssl_s_sig_alg`
	terminationBins = `ssl_bc_client_random ssl_bc_server_random ssl_bc_session_id ssl_bc_session_key ssl_bc_unique_id
		ssl_c_chain_der ssl_c_der ssl_c_serial ssl_c_sha1 ssl_f_der ssl_f_serial ssl_f_sha1 ssl_fc_client_random
		ssl_fc_server_random ssl_fc_session_id ssl_fc_session_key ssl_fc_unique_id ssl_s_chain_der ssl_s_der
		ssl_s_serial ssl_s_sha1`
	terminationLists = `ssl_fc_cipherlist_bin ssl_fc_cipherlist_hex ssl_fc_cipherlist_str ssl_fc_eclist_bin
		ssl_fc_extlist_bin`
	terminationNames = `ssl_c_i_dn ssl_c_r_dn ssl_c_s_dn ssl_f_i_dn ssl_f_s_dn ssl_s_i_dn ssl_s_s_dn`
	terminationFalse = `ssl_bc ssl_bc_is_resumed ssl_fc ssl_fc_has_sni ssl_fc_is_resumed`
)

// replacements maps such fetches to ones that find similar data in the hello.
var replacements = map[string]string{
	"ssl_fc":                   "req.ssl_hello_type, which is 1 for TLS",
	"ssl_fc_sni":               "req.ssl_sni",
	"ssl_fc_has_sni":           "req.ssl_sni -m found",
	"ssl_fc_alpn":              "req.ssl_alpn",
	"ssl_fc_protocol":          "req.ssl_ver",
	"ssl_fc_cipherlist_bin":    "req.ssl_cipherlist",
	"ssl_fc_cipherlist_hex":    "req.ssl_cipherlist",
	"ssl_fc_cipherlist_str":    "req.ssl_cipherlist",
	"ssl_fc_eclist_bin":        "req.ssl_supported_groups",
	"ssl_fc_sigalgs_bin":       "req.ssl_sigalgs",
	"ssl_fc_protocol_hello_id": "req.ssl_ver",
}

// terminationWarning returns the warning for a fetch of a TLS connection that would have to end at
// the proxy.
func terminationWarning(name string) string {
	f, known := fetches[name]
	if !known || !f.termination {
		return ""
	}
	warning := "'" + name + "' never has a value, since TLS is not terminated here"
	if slices.Contains(strings.Fields(terminationFalse), name) {
		warning = "'" + name + "' is always false, since TLS is not terminated here"
	}
	if other := replacements[name]; other != "" {
		warning += ": use " + other
	}
	return warning
}

// terminationFetches returns these fetches. They are accepted so that configurations with other
// uses can be loaded.
func terminationFetches() map[string]fetch {
	group := make(map[string]fetch)
	add := func(names string, list argList, out valueType, answer result, note string) {
		build := withoutArgs(func(*Input) result { return answer })
		for name := range strings.FieldsSeq(names) {
			group[name] = fetch{args: list, out: out, note: note, build: build, termination: true}
		}
	}
	const none = "nothing: TLS is passed through"
	add(terminationBools, argList{}, typeBool, noValue, none)
	add(terminationInts, argList{}, typeInt, noValue, none)
	add(terminationStrs, argList{}, typeStr, noValue, none)
	add(terminationBins, argList{}, typeBin, noValue, none)
	add(terminationLists, takes(0, argInt), typeStr, noValue, none)
	add(terminationNames, takes(0, argStr, argInt, argStr), typeStr, noValue, none)
	add(terminationFalse, argList{}, typeBool, found(Boolean(false)), "false: TLS is passed through")
	return group
}
