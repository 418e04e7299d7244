// SPDX-License-Identifier: Apache-2.0

package sample

import "strings"

// knownFetches lists HAProxy's fetches and ACL criteria that this package does not support.
const knownFetches = newerFetches + `
	accept_date acl base32 base32+src baseq bc.timer.connect bc_be_queue bc_dst bc_dst_port bc_err bc_err_str
	bc_glitches bc_http_major bc_nb_streams bc_reused bc_rtt bc_rttvar bc_setting_streams_limit
	bc_settings_streams_limit bc_src bc_src_port bc_srv_queue be_tarpit_timeout bs.aborted bs.debug_str bs.id
	bs.rst_code bytes_in bytes_out capture.req.method capture.req.uri capture.req.ver
	capture.res.hdr capture.res.ver cook cook_beg cook_cnt cook_dir cook_dom cook_end cook_len cook_reg cook_sub
	cook_val cookie cpu_calls cpu_ns_avg cpu_ns_tot cur_client_timeout cur_connect_timeout cur_queue_timeout
	cur_server_timeout cur_tarpit_timeout cur_tunnel_timeout distcc_body distcc_param dst_conn fc.timer.handshake
	fc.timer.total fc_err fc_err_str fc_glitches fc_http_major fc_nb_streams fc_settings_streams_limit
	fcgi.docroot fcgi.index fe_req_rate fe_tarpit_timeout fs.aborted fs.debug_str fs.id fs.rst_code hdr_ip
	http_auth http_auth_bearer http_auth_group http_auth_pass http_auth_type http_auth_user http_first_req
	internal.htx.data internal.htx.free internal.htx.free_data internal.htx.has_eom internal.htx.nbblks
	internal.htx.size internal.htx.used internal.htx_blk.data internal.htx_blk.hdrname internal.htx_blk.hdrval
	internal.htx_blk.size internal.htx_blk.start_line internal.htx_blk.type internal.strm.is_htx last_entity
	last_rule_file last_rule_line lat_ns_avg lat_ns_tot quic_enabled rdp_cookie rdp_cookie_cnt req.body
	req.body_len req.body_param req.body_size req.bytes_in req.bytes_out req.cook req.cook_cnt req.cook_val
	req.hdr_ip req.hdr_names req.hdrs req.hdrs_bin req.rdp_cookie req.rdp_cookie_cnt req.timer.hdr req.timer.idle
	req.timer.queue req.timer.tq req_rdp_cookie req_rdp_cookie_cnt request_date res.body res.body_len
	res.body_size res.bytes_in res.bytes_out res.cache_hit res.cache_name res.comp res.comp_algo res.cook
	res.cook_cnt res.cook_val res.fhdr res.fhdr_cnt res.hdr res.hdr_cnt res.hdr_ip res.hdr_names res.hdr_val
	res.hdrs res.hdrs_bin res.timer.data res.timer.hdr res.ver resp_ver scook scook_beg scook_cnt
	scook_dir scook_dom scook_end scook_len scook_reg scook_sub scook_val shdr shdr_beg shdr_cnt shdr_dir shdr_dom
	shdr_end shdr_ip shdr_len shdr_reg shdr_sub shdr_val ssl_bc_hsk_err ssl_bc_hsk_err_str ssl_c_san
	ssl_fc_early_rcvd ssl_fc_hsk_err ssl_fc_hsk_err_str ssl_fc_sni_end ssl_fc_sni_reg ssl_x_chain_der status
	term_events thread txn.conn_retries txn.id32 txn.redispatched txn.sess_term_state txn.status txn.timer.total
	txn.timer.user unique-id url32 url32+src url_ip url_param url_port urlp urlp_beg urlp_dir urlp_dom urlp_end
	urlp_len urlp_reg urlp_sub urlp_val waiting_entity
`

// knownConverters lists HAProxy's converters that this package does not support.
const knownConverters = newerConverters + `
	aes_cbc_dec aes_cbc_enc aes_gcm_dec aes_gcm_enc be2int capture-req capture-res debug eth.data eth.dst eth.hdr
	eth.proto eth.src eth.vlan fix_is_valid fix_tag_value http_date ip.data ip.df ip.dst ip.fp ip.hdr ip.proto
	ip.src ip.tos ip.tot_len ip.ttl ip.ver json json_query jwt_decrypt_cert jwt_decrypt_jwk jwt_decrypt_secret
	jwt_header_query jwt_payload_query jwt_verify language le2int ltime mqtt_field_value mqtt_is_valid ms_ltime
	ms_utime protobuf rfc7239_field rfc7239_is_valid rfc7239_n2nn rfc7239_n2np table_clr_gpt tcp.dst tcp.flags
	tcp.options.mss tcp.seq tcp.src tcp.win ungrpc us_ltime us_utime utime when x509_v_err_str xxh3
`

// newerFetches and newerConverters list those that HAProxy 3.3 and 3.4 added.
const (
	newerFetches = `
	bc_err_name cpu_usage_grp cpu_usage_proc cpu_usage_thr dump_all_vars fc_err_name fc_saved_syn req.cook_names
	res.cook_names server_status spoe.engine-id ssl_bc_client_early_traffic_secret
	ssl_bc_client_handshake_traffic_secret ssl_bc_client_traffic_secret_0 ssl_bc_early_exporter_secret
	ssl_bc_exporter_secret ssl_bc_server_handshake_traffic_secret ssl_bc_server_traffic_secret_0 ssl_bc_sni tgroup
`
	newerConverters = `
	date fe_exists jwt_verify_cert rfc7239_nn rfc7239_np tcp.options.sack tcp.options.tsopt tcp.options.tsval
	tcp.options.wscale tcp.options.wsopt tcp.options_list
`
)

// unsupportedReasons explains by the prefix of a fetch's name why it is not supported. The first
// match counts.
var unsupportedReasons = []struct{ reason, prefixes string }{
	{"it is not implemented", "http_date url_enc"},
	{"name the ACLs in a condition, as in 'if a !b' or 'if { acl(a,!b) }'", "acl"},
	{"no maintained library implements it; use xxh64", "xxh3"},
	{"on the server's bytes, only res.len, res.payload, res.payload_lv and res.ssl_hello_type are", "res. rep_ resp_ scook shdr"},
	{"on HTTP, only the request line and the headers of a request are examined", `base cook hdr http_ req.body req.cook
		req.hdr status url`},
	{"TLS is not terminated here: use req.ssl_sni and the other req.ssl_ fetches of the ClientHello", "ssl_"},
	{"a value cannot refer to parts of the match", "map_regm"},
}

// unsupported returns the error for a name that HAProxy has, else nil.
func unsupported(known, kind, name string) *Unsupported {
	for other := range strings.FieldsSeq(known) {
		if other == name {
			return &Unsupported{Name: kind + " '" + name + "'", Reason: unsupportedReason(name)}
		}
	}
	return nil
}

func unsupportedReason(name string) string {
	for _, r := range unsupportedReasons {
		for prefix := range strings.FieldsSeq(r.prefixes) {
			if strings.HasPrefix(name, prefix) {
				return r.reason
			}
		}
	}
	return "it is not implemented"
}
