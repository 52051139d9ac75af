//! The extractors in handlers that aide documents. They read nothing that a document describes as a parameter: how a tenant
//! and a caller are named is the application's choice.

use aide::OperationInput;

use crate::{Caller, Payload, Tenant, Tenure, Visitor};

impl OperationInput for Caller {}
impl<T> OperationInput for Payload<T> {}
impl OperationInput for Tenant {}
impl OperationInput for Tenure {}
impl OperationInput for Visitor {}
