create table notes_rows (tenant_id text not null, body text not null, primary key (tenant_id, body));
