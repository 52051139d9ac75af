//! Tenants put into the directory, or changed there, by its administrator.

/// A part of [`sql_directory`](crate::directory::sql_directory), in the same module: what seeds and operators call.
macro_rules! sql_upsert {
    ($Directory:ident) => {
        impl $Directory {
            /// Puts a tenant into the directory, or changes the one of that id. All of it or nothing.
            ///
            /// The external id and the domains become those that are given; members are added, or replaced where
            /// [`NewTenant::with_members`] says so. The id and the strategy never change: a tenant's data would be left
            /// behind. A slug, external id or domain that it no longer has is given to no other before its quarantine is
            /// over; it may have it back.
            ///
            /// A tenant that was put here is nobody's creation: [`create`](Self::create) answers that it exists already.
            ///
            /// # Security
            ///
            /// This is for administration: seeds, imports, renaming by the tenant's own members. Never call it for a sign-up.
            /// Whoever signs up with an id that is taken would rename that tenant, and become its member.
            /// [`create`](Self::create) is for that.
            ///
            /// # Errors
            ///
            /// A name that is reserved, another tenant's or in quarantine, another strategy, or the database's refusal.
            pub async fn upsert(&self, tenant: &NewTenant) -> Result<DirectoryEntry, UpsertError> {
                let mut tx = self.begin_structural().await?;
                let entry = self.upsert_in(tx.connection_mut(), tenant).await?;
                tx.commit().await.map_err(DirectoryError::from)?;
                Ok(entry)
            }

            /// Puts several tenants into the directory, or changes them: all of them or none. It is for administration, as
            /// [`upsert`](Self::upsert) is.
            ///
            /// # Errors
            ///
            /// As of [`upsert`](Self::upsert), with the place of the tenant that was refused. It has no place if the
            /// transaction could not begin or be committed.
            pub async fn upsert_all(&self, tenants: &[NewTenant]) -> Result<Vec<DirectoryEntry>, UpsertAllError> {
                let mut tx = self.begin_structural().await.map_err(UpsertAllError::of_all)?;
                let mut entries = Vec::with_capacity(tenants.len());
                for (index, tenant) in tenants.iter().enumerate() {
                    let entry = self.upsert_in(tx.connection_mut(), tenant).await;
                    entries.push(entry.map_err(|source| UpsertAllError::of_one(index, source))?);
                }
                tx.commit().await.map_err(UpsertAllError::of_all)?;
                Ok(entries)
            }

            async fn upsert_in(
                &self,
                connection: &mut Connection,
                tenant: &NewTenant,
            ) -> Result<DirectoryEntry, UpsertError> {
                refuse_tombstones(connection, tenant, self.quarantine).await?;
                upsert(connection, tenant, &self.reserved).await?;
                Ok(read_entry(connection, &tenant.id).await?)
            }
        }

        /// Runs inside a transaction that holds the write lock, so what is looked up stays true.
        async fn upsert(
            connection: &mut Connection,
            tenant: &NewTenant,
            reserved: &ReservedNames,
        ) -> Result<(), UpsertError> {
            let known = "select slug, strategy, placement from tenancy_tenants where id = $1";
            let known: Option<(String, String, Option<String>)> = sqlx::query_as(known)
                .bind(tenant.id.as_str())
                .fetch_optional(&mut *connection)
                .await?;
            match &known {
                None => {
                    refuse_reserved(TenantKey::Id(tenant.id.clone()), reserved)?;
                    refuse_reserved(TenantKey::Slug(tenant.slug.clone()), reserved)?;
                }
                Some((slug, ..)) if tenant.slug != slug.as_str() => {
                    refuse_reserved(TenantKey::Slug(tenant.slug.clone()), reserved)?;
                }
                Some(_) => {}
            }
            if let Some((_, current, placement)) = known {
                if tenant.strategy != current.as_str() {
                    return Err(UpsertError::StrategyChanged {
                        id: tenant.id.clone(),
                        current,
                        requested: tenant.strategy.clone(),
                    });
                }
                // None asks for no change.
                let requested = tenant.placement.as_ref().map(PlacementName::as_str);
                if requested.is_some() && requested != placement.as_deref() {
                    return Err(UpsertError::PlacementChanged {
                        id: tenant.id.clone(),
                    });
                }
            }
            refuse_conflicts(connection, tenant).await?;
            free_names(connection, tenant).await?;
            write_tenant(connection, tenant).await?;
            write_domains(connection, tenant).await?;
            write_members(connection, tenant).await
        }

        fn refuse_reserved(key: TenantKey, reserved: &ReservedNames) -> Result<(), UpsertError> {
            if reserved.contains(key.as_str()) {
                return Err(UpsertError::Reserved { key: Box::new(key) });
            }
            Ok(())
        }

        async fn refuse_conflicts(connection: &mut Connection, tenant: &NewTenant) -> Result<(), UpsertError> {
            let slug = TenantKey::Slug(tenant.slug.clone());
            let others = "select exists (select 1 from tenancy_tenants where slug = $1 and id <> $2)";
            refuse_conflict(connection, others, tenant, slug).await?;
            if let Some(external_id) = &tenant.external_id {
                let external_id = TenantKey::External(external_id.clone());
                let others = "select exists (select 1 from tenancy_tenants where external_id = $1 and id <> $2)";
                refuse_conflict(connection, others, tenant, external_id).await?;
            }
            for domain in &tenant.domains {
                let domain = TenantKey::Domain(domain.clone());
                let others = "select exists (select 1 from tenancy_domains where domain = $1 and tenant <> $2)";
                refuse_conflict(connection, others, tenant, domain).await?;
            }
            Ok(())
        }

        async fn refuse_conflict(
            connection: &mut Connection,
            others: &'static str,
            tenant: &NewTenant,
            key: TenantKey,
        ) -> Result<(), UpsertError> {
            let is_taken: bool = sqlx::query_scalar(others)
                .bind(key.as_str())
                .bind(tenant.id.as_str())
                .fetch_one(connection)
                .await?;
            if is_taken {
                return Err(UpsertError::Conflict { key: Box::new(key) });
            }
            Ok(())
        }

        async fn write_tenant(connection: &mut Connection, tenant: &NewTenant) -> Result<(), UpsertError> {
            let sql = "insert into tenancy_tenants (id, slug, external_id, name, status, strategy, placement)
         values ($1, $2, $3, coalesce($4, $1), coalesce($5, $7), $6, $8)
         on conflict (id) do update set slug = $2, external_id = $3,
           name = coalesce($4, tenancy_tenants.name), status = coalesce($5, tenancy_tenants.status)";
            sqlx::query(sql)
                .bind(tenant.id.as_str())
                .bind(tenant.slug.as_str())
                .bind(
                    tenant
                        .external_id
                        .as_ref()
                        .map(tenancy_core::names::ExternalId::as_str),
                )
                .bind(tenant.name.as_deref())
                .bind(tenant.status.map(TenantStatus::as_str))
                .bind(tenant.strategy.as_str())
                .bind(TenantStatus::Provisioning.as_str())
                .bind(tenant.placement.as_ref().map(PlacementName::as_str))
                .execute(connection)
                .await?;
            Ok(())
        }

        async fn write_domains(connection: &mut Connection, tenant: &NewTenant) -> Result<(), UpsertError> {
            let taken = "delete from tenancy_domains where tenant = $1";
            sqlx::query(taken)
                .bind(tenant.id.as_str())
                .execute(&mut *connection)
                .await?;
            // One that is listed twice is the tenant's once.
            for domain in tenant.domains.iter().map(Domain::as_str) {
                sqlx::query("insert into tenancy_domains (domain, tenant) values ($1, $2) on conflict do nothing")
                    .bind(domain)
                    .bind(tenant.id.as_str())
                    .execute(&mut *connection)
                    .await?;
            }
            Ok(())
        }

        async fn write_members(connection: &mut Connection, tenant: &NewTenant) -> Result<(), UpsertError> {
            if tenant.replaces_members {
                sqlx::query("delete from tenancy_members where tenant = $1")
                    .bind(tenant.id.as_str())
                    .execute(&mut *connection)
                    .await?;
            }
            for member in &tenant.members {
                write_member(&mut *connection, &tenant.id, member).await?;
            }
            Ok(())
        }
    };
}

pub(crate) use sql_upsert;
