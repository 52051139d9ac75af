create table notes (tenant_id text not null, body text not null, primary key (tenant_id, body));
