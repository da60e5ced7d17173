# SPDX-License-Identifier: Apache-2.0
"""Addresses of the pages of backup policies."""

from django.urls import path

from manila_backup_dashboard.project.share_backup_policies import views

urlpatterns = [
    path('', views.Index.as_view(), name='index'),
    path('create/', views.Create.as_view(), name='create'),
    path('<str:policy_id>/', views.Detail.as_view(), name='detail'),
    path('<str:policy_id>/update/', views.Update.as_view(), name='update'),
    path('<str:policy_id>/assign/', views.Assign.as_view(), name='assign'),
    path('<str:policy_id>/simulate/', views.Simulate.as_view(),
         name='simulate'),
]
